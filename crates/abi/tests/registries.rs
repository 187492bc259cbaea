//! Registries and assets (poco 16): creation, prediction, enumeration, transfer, ownership.

#![allow(clippy::unwrap_used)]

mod harness;

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::SolCall as _;
use harness::{World, custom, empty, person, text};
use metacloud_abi::{
    App, AppRegistry, DataProtector, Dataset, DatasetRegistry, Hub, Workerpool, WorkerpoolRegistry,
};

fn app_call(holder: Address, name: &str) -> AppRegistry::createAppCall {
    AppRegistry::createAppCall {
        holder,
        appName: name.into(),
        appType: "WASM".into(),
        multiaddr: b"/ipfs/Qm".into(),
        checksum: keccak256(name),
        mrenclave: b"measurement".into(),
    }
}

fn id(asset: Address) -> U256 {
    U256::from_be_slice(asset.as_slice())
}

#[test]
fn an_app_lies_where_it_was_predicted_and_says_what_it_is() {
    let mut world = World::deployed();
    let registry = world.at.app_registry;
    let call = app_call(person("holder"), "app");
    let predict = AppRegistry::predictAppCall {
        holder: call.holder,
        appName: call.appName.clone(),
        appType: call.appType.clone(),
        multiaddr: call.multiaddr.clone(),
        checksum: call.checksum,
        mrenclave: call.mrenclave.clone(),
    };
    let predicted = world.view(registry, &predict).unwrap();
    // The address by the rule of 16.2.
    let initializer = App::initializeCall {
        name: call.appName.clone(),
        appType: call.appType.clone(),
        multiaddr: call.multiaddr.clone(),
        checksum: call.checksum,
        mrenclave: call.mrenclave.clone(),
    };
    let salt = keccak256([initializer.abi_encode().as_slice(), call.holder.as_slice()].concat());
    let code = world.view(registry, &AppRegistry::proxyCodeCall {}).unwrap();
    let hash = world.view(registry, &AppRegistry::proxyCodeHashCall {}).unwrap();
    assert_eq!(keccak256(&code), hash);
    assert_eq!(registry.create2(salt, hash), predicted);

    let done = world.send(person("anyone"), registry, &call).unwrap();
    assert_eq!(Address::from_word(B256::from_slice(&done.output)), predicted);
    assert_eq!(done.logs.len(), 1, "the only event is the mint");
    let mint = AppRegistry::Transfer { from: Address::ZERO, to: call.holder, tokenId: id(predicted) };
    assert_eq!(done.events::<AppRegistry::Transfer>(), [mint]);
    assert_eq!(world.view(registry, &predict).unwrap(), predicted);
    let again = world.send(person("anyone"), registry, &call);
    assert_eq!(again.err(), Some(text("Create2: Failed on deploy")));

    let info = world.ask(&Hub::viewAppCall { app: predicted });
    assert_eq!((info.owner, info.m_appName.as_str(), info.m_appType.as_str()), (call.holder, "app", "WASM"));
    assert_eq!((info.m_appMultiaddr, info.m_appChecksum), (call.multiaddr, call.checksum));
    assert_eq!(info.m_appMREnclave, call.mrenclave);
    assert_eq!(world.view(predicted, &App::registryCall {}).unwrap(), registry);
    let again = world.send(person("anyone"), predicted, &initializer);
    assert_eq!(again.err(), Some(text("already initialized")));
    let set_name = App::setNameCall { ens: person("ens"), name: "n".into() };
    let refused = world.send(person("anyone"), predicted, &set_name);
    assert_eq!(refused.err(), Some(text("caller is not the owner")));
    let refused = world.send(person("holder"), predicted, &set_name);
    assert_eq!(refused.err(), Some(text("Operation not supported on this chain")));
    for data in [Bytes::new(), hex!("deadbeef").into()] {
        assert_eq!(world.transact(person("anyone"), Some(predicted), data.clone()).err(), Some(empty()));
        assert_eq!(world.transact(person("anyone"), Some(registry), data).err(), Some(empty()));
    }
}

#[test]
fn datasets_and_workerpools_keep_their_fields() {
    let mut world = World::deployed();
    let long = "a workerpool with a description that is longer than any packed word ".repeat(20);
    let dataset = world.create_dataset(person("holder"), "dataset");
    let pool = world.create_workerpool(person("holder"), &long);
    let info = world.ask(&Hub::viewDatasetCall { dataset });
    assert_eq!((info.owner, info.m_datasetName.as_str()), (person("holder"), "dataset"));
    assert_eq!(
        (info.m_datasetMultiaddr, info.m_datasetChecksum),
        (vec![0x22; 36].into(), keccak256("dataset"))
    );
    let info = world.ask(&Hub::viewWorkerpoolCall { workerpool: pool });
    assert_eq!((info.owner, info.m_workerpoolDescription), (person("holder"), long));
    assert_eq!(
        (info.m_workerStakeRatioPolicy, info.m_schedulerRewardRatioPolicy),
        (U256::from(30), U256::from(1))
    );
    let predict = DatasetRegistry::predictDatasetCall {
        holder: person("holder"),
        datasetName: "dataset".into(),
        multiaddr: vec![0x22; 36].into(),
        checksum: keccak256("dataset"),
    };
    assert_eq!(world.view(world.at.dataset_registry, &predict).unwrap(), dataset);
    let call = Dataset::initializeCall { name: String::new(), multiaddr: Bytes::new(), checksum: B256::ZERO };
    assert_eq!(world.send(person("anyone"), dataset, &call).err(), Some(text("already initialized")));
    let call = Workerpool::initializeCall { description: String::new() };
    assert_eq!(world.send(person("anyone"), pool, &call).err(), Some(text("already initialized")));
}

#[test]
fn creation_has_limits() {
    let mut world = World::deployed();
    let registry = world.at.app_registry;
    let nobody = world.send(person("anyone"), registry, &app_call(Address::ZERO, "app"));
    let error = AppRegistry::ERC721InvalidReceiver { receiver: Address::ZERO };
    assert_eq!(nobody.err(), Some(custom(&error)));
    let registry = world.at.workerpool_registry;
    let create = |size: usize| WorkerpoolRegistry::createWorkerpoolCall {
        holder: person("holder"),
        description: "d".repeat(size),
    };
    // 24,576 bytes of code, less 45 of proxy and 3 of length.
    world.send(person("anyone"), registry, &create(24_528)).unwrap();
    let error = WorkerpoolRegistry::AssetTooLarge { size: U256::from(24_577) };
    assert_eq!(world.send(person("anyone"), registry, &create(24_529)).err(), Some(custom(&error)));
    let terms =
        WorkerpoolRegistry::setTermsCall { workerStakeRatio: U256::ZERO, schedulerRewardRatio: U256::ZERO };
    let error = WorkerpoolRegistry::CallerIsNotAWorkerpool { caller: person("anyone") };
    assert_eq!(world.send(person("anyone"), registry, &terms).err(), Some(custom(&error)));
}

#[test]
fn tokens_are_enumerated_through_transfers() {
    let mut world = World::deployed();
    let (registry, a, b) = (world.at.app_registry, person("a"), person("b"));
    let apps: Vec<_> = (0..4).map(|index| world.create_app(a, &format!("app {index}"))).collect();
    let list = |world: &World, owner| {
        let balance = world.view(registry, &AppRegistry::balanceOfCall { owner }).unwrap().to::<u64>();
        (0..balance)
            .map(|index| {
                let call = AppRegistry::tokenOfOwnerByIndexCall { owner, index: U256::from(index) };
                world.view(registry, &call).unwrap()
            })
            .collect::<Vec<_>>()
    };
    let transfer = |from, to, asset| AppRegistry::transferFromCall { from, to, tokenId: id(asset) };
    world.send(a, registry, &transfer(a, b, apps[1])).unwrap();
    assert_eq!(list(&world, a), [id(apps[0]), id(apps[3]), id(apps[2])]);
    assert_eq!(list(&world, b), [id(apps[1])]);
    world.send(a, registry, &transfer(a, b, apps[2])).unwrap();
    world.send(a, registry, &transfer(a, a, apps[0])).unwrap();
    let mut mine = list(&world, a);
    mine.sort();
    let mut expected = vec![id(apps[0]), id(apps[3])];
    expected.sort();
    assert_eq!(mine, expected);
    assert_eq!(world.view(registry, &AppRegistry::totalSupplyCall {}).unwrap(), U256::from(4));
    for (index, app) in apps.iter().enumerate() {
        let call = AppRegistry::tokenByIndexCall { index: U256::from(index) };
        assert_eq!(world.view(registry, &call).unwrap(), id(*app), "the order of creation");
        let uri = world.view(registry, &AppRegistry::tokenURICall { tokenId: id(*app) }).unwrap();
        assert_eq!(uri, format!("https://nfts-metadata.iex.ec/app/31337/{}", id(*app)));
    }
    assert_eq!(world.view(apps[1], &App::ownerCall {}).unwrap(), b);
    let beyond = AppRegistry::ERC721OutOfBoundsIndex { owner: Address::ZERO, index: U256::from(4) };
    let call = AppRegistry::tokenByIndexCall { index: U256::from(4) };
    assert_eq!(world.view(registry, &call).err(), Some(custom(&beyond)));
    let beyond = AppRegistry::ERC721OutOfBoundsIndex { owner: b, index: U256::from(2) };
    let call = AppRegistry::tokenOfOwnerByIndexCall { owner: b, index: U256::from(2) };
    assert_eq!(world.view(registry, &call).err(), Some(custom(&beyond)));
}

#[test]
fn transfers_fail_in_the_standard_forms() {
    let mut world = World::deployed();
    let (registry, a, b, c) = (world.at.app_registry, person("a"), person("b"), person("c"));
    let token = id(world.create_app(a, "app"));
    let transfer = |from, to, token| AppRegistry::transferFromCall { from, to, tokenId: token };
    let missing = Some(custom(&AppRegistry::ERC721NonexistentToken { tokenId: U256::from(7) }));
    assert_eq!(world.send(a, registry, &transfer(a, b, U256::from(7))).err(), missing);
    assert_eq!(world.view(registry, &AppRegistry::ownerOfCall { tokenId: U256::from(7) }).err(), missing);
    assert_eq!(world.view(registry, &AppRegistry::tokenURICall { tokenId: U256::from(7) }).err(), missing);
    let stranger = AppRegistry::ERC721InsufficientApproval { operator: b, tokenId: token };
    assert_eq!(world.send(b, registry, &transfer(a, b, token)).err(), Some(custom(&stranger)));
    let wrong = AppRegistry::ERC721IncorrectOwner { sender: b, tokenId: token, owner: a };
    assert_eq!(world.send(a, registry, &transfer(b, c, token)).err(), Some(custom(&wrong)));
    let zero = AppRegistry::ERC721InvalidReceiver { receiver: Address::ZERO };
    assert_eq!(world.send(a, registry, &transfer(a, Address::ZERO, token)).err(), Some(custom(&zero)));
    let zero = AppRegistry::ERC721InvalidOwner { owner: Address::ZERO };
    let call = AppRegistry::balanceOfCall { owner: Address::ZERO };
    assert_eq!(world.view(registry, &call).err(), Some(custom(&zero)));
    let approve = AppRegistry::approveCall { to: b, tokenId: token };
    let stranger = AppRegistry::ERC721InvalidApprover { approver: b };
    assert_eq!(world.send(b, registry, &approve).err(), Some(custom(&stranger)));
    let zero = AppRegistry::ERC721InvalidOperator { operator: Address::ZERO };
    let operator = |operator| AppRegistry::setApprovalForAllCall { operator, approved: true };
    assert_eq!(world.send(a, registry, &operator(Address::ZERO)).err(), Some(custom(&zero)));

    world.send(a, registry, &approve).unwrap();
    world.send(b, registry, &transfer(a, c, token)).unwrap();
    let approved = world.view(registry, &AppRegistry::getApprovedCall { tokenId: token }).unwrap();
    assert_eq!(approved, Address::ZERO, "an approval ends with the transfer");
    world.send(c, registry, &operator(b)).unwrap();
    world.send(b, registry, &transfer(c, a, token)).unwrap();

    // Safe transfers ask contracts.
    world.put_code(c, harness::codes::silent());
    let safe = AppRegistry::safeTransferFrom_0Call { from: a, to: c, tokenId: token };
    let refused = world.send(a, registry, &safe);
    assert_eq!(refused.err(), Some(empty()), "an answer that is too short");
    world.put_code(c, harness::codes::refuses());
    let bad = AppRegistry::ERC721InvalidReceiver { receiver: c };
    assert_eq!(world.send(a, registry, &safe).err(), Some(custom(&bad)));
    let answer: U256 = U256::from(0x150b_7a02_u32) << 224;
    world.put_code(c, harness::codes::answers(answer.into()));
    world.send(a, registry, &safe).unwrap();
}

#[test]
fn registries_belong_to_their_owner() {
    let mut world = World::deployed();
    let (registry, owner, anyone) = (world.at.app_registry, world.owner, person("anyone"));
    let refused = Some(text("Ownable: caller is not the owner"));
    let initialize = AppRegistry::initializeCall { previous: anyone };
    let uri = |uri: &str| AppRegistry::setBaseURICall { baseUri: uri.into() };
    let set_name = AppRegistry::setNameCall { ens: anyone, name: "n".into() };
    let transfer = |to| AppRegistry::transferOwnershipCall { newOwner: to };
    assert_eq!(world.send(anyone, registry, &initialize).err(), refused);
    assert_eq!(world.send(anyone, registry, &uri("x")).err(), refused);
    assert_eq!(world.send(anyone, registry, &set_name).err(), refused);
    assert_eq!(world.send(anyone, registry, &transfer(anyone)).err(), refused);
    assert_eq!(world.send(anyone, registry, &AppRegistry::renounceOwnershipCall {}).err(), refused);

    assert_eq!(world.send(owner, registry, &initialize).err(), Some(empty()), "once");
    let unsupported = Some(text("Operation not supported on this chain"));
    assert_eq!(world.send(owner, registry, &set_name).err(), unsupported);
    let zero = AppRegistry::OwnableInvalidOwner { owner: Address::ZERO };
    assert_eq!(world.send(owner, registry, &transfer(Address::ZERO)).err(), Some(custom(&zero)));
    let app = world.create_app(person("a"), "app");
    world.send(owner, registry, &uri("")).unwrap();
    assert_eq!(world.view(registry, &AppRegistry::tokenURICall { tokenId: id(app) }).unwrap(), "");
    let done = world.send(owner, registry, &transfer(anyone)).unwrap();
    let event = AppRegistry::OwnershipTransferred { previousOwner: owner, newOwner: anyone };
    assert_eq!(done.events::<AppRegistry::OwnershipTransferred>(), [event]);
    world.send(anyone, registry, &AppRegistry::renounceOwnershipCall {}).unwrap();
    assert_eq!(world.view(registry, &AppRegistry::ownerCall {}).unwrap(), Address::ZERO);
    for supported in [hex!("01ffc9a7"), hex!("80ac58cd"), hex!("5b5e139f"), hex!("780e9d63")] {
        let call = AppRegistry::supportsInterfaceCall { interfaceId: supported.into() };
        assert!(world.view(registry, &call).unwrap());
    }
}

#[test]
fn a_dataset_with_a_schema_is_its_owners_and_the_registrys_words_are_kept() {
    let mut world = World::deployed();
    let (protector, registry) = (world.at.data_protector, world.at.dataset_registry);
    assert_eq!(world.view(protector, &DataProtector::datasetRegistryCall {}).unwrap(), registry);
    let call = DataProtector::createDatasetWithSchemaCall {
        owner: person("holder"),
        name: "contact".into(),
        schema: r#"{"email":"string"}"#.into(),
        multiaddr: b"/ipfs/Qm".into(),
        checksum: keccak256("contact"),
    };
    assert_eq!(hex::encode(DataProtector::createDatasetWithSchemaCall::SELECTOR), "167fbf5f");
    let predict = DatasetRegistry::predictDatasetCall {
        holder: call.owner,
        datasetName: call.name.clone(),
        multiaddr: call.multiaddr.clone(),
        checksum: call.checksum,
    };
    let predicted = world.view(registry, &predict).unwrap();

    let done = world.send(person("anyone"), protector, &call).unwrap();

    assert_eq!(Address::from_word(B256::from_slice(&done.output)), predicted);
    let mint = DatasetRegistry::Transfer { from: Address::ZERO, to: call.owner, tokenId: id(predicted) };
    assert_eq!(done.events::<DatasetRegistry::Transfer>(), [mint]);
    let told = DataProtector::DatasetSchema { dataset: predicted, schema: call.schema.clone() };
    assert_eq!(done.events::<DataProtector::DatasetSchema>(), [told]);
    assert_eq!(world.view(predicted, &Dataset::ownerCall {}).unwrap(), call.owner);
    assert_eq!(
        world.send(person("anyone"), protector, &call).unwrap_err(),
        text("Create2: Failed on deploy")
    );
    let nobody = DataProtector::createDatasetWithSchemaCall { owner: Address::ZERO, ..call };
    assert!(world.send(person("anyone"), protector, &nobody).is_err(), "nobody's dataset");
}
