//! The state after the deployment plan is that of poco 20, and the hub's address answers as it should.

#![allow(clippy::unwrap_used)]

mod harness;

use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, hex};
use alloy_sol_types::SolCall as _;
use harness::{CHAIN_ID, World, custom, empty, person, text};
use metacloud_abi::{App, AppRegistry, Dataset, DatasetRegistry, Hub, Rlc, Workerpool, WorkerpoolRegistry};

#[test]
fn hub_is_configured() {
    let world = World::deployed();
    assert_eq!(world.ask(&Hub::nameCall {}), "Staked RLC");
    assert_eq!(world.ask(&Hub::symbolCall {}), "SRLC");
    assert_eq!(world.ask(&Hub::decimalsCall {}), 9);
    assert_eq!(world.ask(&Hub::totalSupplyCall {}), U256::ZERO);
    assert_eq!(world.ask(&Hub::tokenCall {}), world.at.rlc);
    assert_eq!(world.ask(&Hub::appregistryCall {}), world.at.app_registry);
    assert_eq!(world.ask(&Hub::datasetregistryCall {}), world.at.dataset_registry);
    assert_eq!(world.ask(&Hub::workerpoolregistryCall {}), world.at.workerpool_registry);
    assert_eq!(world.ask(&Hub::teebrokerCall {}), Address::ZERO);
    assert_eq!(world.ask(&Hub::callbackgasCall {}), U256::from(200_000));
    assert_eq!(world.ask(&Hub::ownerCall {}), world.owner);
    assert_eq!(world.ask(&Hub::eip712domain_separatorCall {}), world.domain().separator());
    let domain = world.ask(&Hub::domainCall {});
    assert_eq!((domain.name.as_str(), domain.version.as_str()), ("iExecODB", "5.0.0"));
    assert_eq!((domain.chainId, domain.verifyingContract), (U256::from(CHAIN_ID), world.at.hub));
}

#[test]
fn categories_are_the_five_defaults() {
    let world = World::deployed();
    let defaults = [("XS", 300), ("S", 1_200), ("M", 3_600), ("L", 10_800), ("XL", 36_000)];
    assert_eq!(world.ask(&Hub::countCategoryCall {}), U256::from(5));
    for (id, (name, seconds)) in defaults.into_iter().enumerate() {
        let category = world.ask(&Hub::viewCategoryCall { categoryId: U256::from(id) });
        assert_eq!((category.name.as_str(), category.description.as_str()), (name, "\"\""));
        assert_eq!(category.workClockTimeRef, U256::from(seconds));
    }
    let beyond = U256::from(5);
    assert_eq!(world.view(world.at.hub, &Hub::viewCategoryCall { categoryId: beyond }).err(), Some(empty()));
    assert_eq!(
        world.view(world.at.hub, &Hub::viewCategoryABILegacyCall { categoryId: beyond }).err(),
        Some(harness::panic_code(0x32))
    );
}

#[test]
fn token_and_registries_are_ready() {
    let world = World::deployed();
    let supply = U256::from(87_000_000_000_000_000_u64);
    let read = |account| world.view(world.at.rlc, &Rlc::balanceOfCall { account }).unwrap();
    assert_eq!(read(world.deployer), supply);
    assert_eq!(world.view(world.at.rlc, &Rlc::totalSupplyCall {}).unwrap(), supply);
    assert_eq!(world.view(world.at.rlc, &Rlc::nameCall {}).unwrap(), "iExec RLC Token");
    assert_eq!(world.view(world.at.rlc, &Rlc::symbolCall {}).unwrap(), "RLC");
    assert_eq!(world.view(world.at.rlc, &Rlc::decimalsCall {}).unwrap(), 9);
    let registries = [
        (world.at.app_registry, "iExec Application Registry (V5)", "iExecAppsV5", "app"),
        (world.at.dataset_registry, "iExec Dataset Registry (V5)", "iExecDatasetsV5", "dataset"),
        (world.at.workerpool_registry, "iExec Workerpool Registry (V5)", "iExecWorkerpoolV5", "workerpool"),
    ];
    for (registry, name, symbol, kind) in registries {
        assert_eq!(world.view(registry, &AppRegistry::nameCall {}).unwrap(), name);
        assert_eq!(world.view(registry, &AppRegistry::symbolCall {}).unwrap(), symbol);
        assert_eq!(world.view(registry, &AppRegistry::ownerCall {}).unwrap(), world.owner);
        assert!(world.view(registry, &AppRegistry::initializedCall {}).unwrap());
        assert_eq!(world.view(registry, &AppRegistry::previousCall {}).unwrap(), Address::ZERO);
        let uri = world.view(registry, &AppRegistry::baseURICall {}).unwrap();
        assert_eq!(uri, format!("https://nfts-metadata.iex.ec/{kind}/{CHAIN_ID}/"));
    }
}

#[test]
fn an_existing_token_is_used_and_not_deployed() {
    let token = person("token");
    let world = World::deploy(Some((token, harness::codes::answers(B256::with_last_byte(1)))));
    assert_eq!(world.at.rlc, token);
    assert_eq!(world.ask(&Hub::tokenCall {}), token);
}

#[test]
fn unknown_calls_are_refused_with_the_fallback_text() {
    let mut world = World::deployed();
    let hub = world.at.hub;
    let disabled = text("fallback-disabled");
    for data in
        [&hex!("")[..], &hex!("00"), &hex!("346234"), &hex!("deadbeef"), &hex!("1f931c1c"), &hex!("715018a6")]
    {
        let data = Bytes::copy_from_slice(data);
        assert_eq!(world.transact(person("anyone"), Some(hub), data.clone()).err(), Some(disabled.clone()));
        let paid = world.transact_with_value(person("anyone"), Some(hub), data, U256::from(1));
        assert_eq!(paid.err(), Some(disabled.clone()));
    }
}

#[test]
fn no_function_takes_ether_and_malformed_arguments_revert_without_data() {
    let mut world = World::deployed();
    let hub = world.at.hub;
    let deposit = Bytes::from(Hub::depositCall { amount: U256::ZERO }.abi_encode());
    let paid = world.transact_with_value(person("anyone"), Some(hub), deposit.clone(), U256::from(1));
    assert_eq!(paid.err(), Some(empty()));
    assert_eq!(world.transact(person("anyone"), Some(hub), deposit.slice(..20)).err(), Some(empty()));
}

#[test]
fn loupe_and_router_agree_on_every_selector() {
    let world = World::deployed();
    let facets = world.ask(&Hub::facetsCall {});
    assert_eq!(facets.len(), 9);
    let listed: Vec<[u8; 4]> =
        facets.iter().flat_map(|facet| facet.functionSelectors.iter().map(|selector| selector.0)).collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), listed.len(), "no selector belongs to two modules");
    assert_eq!(sorted, Hub::HubCalls::SELECTORS, "every function of the ABI has a module");
    for facet in &facets {
        assert!(!world.code(facet.facetAddress).is_empty());
        let again = world.ask(&Hub::facetFunctionSelectorsCall { facet: facet.facetAddress });
        assert_eq!(again, facet.functionSelectors);
        for selector in &facet.functionSelectors {
            assert_eq!(world.ask(&Hub::facetAddressCall { selector: *selector }), facet.facetAddress);
            // The router sends the selector to that module: the module's own code contains it.
            assert!(world.code(facet.facetAddress).windows(4).any(|window| window == selector.as_slice()));
            let bare = Bytes::copy_from_slice(selector.as_slice());
            let answer = world.clone().transact(person("anyone"), Some(world.at.hub), bare);
            assert_ne!(answer.err(), Some(text("fallback-disabled")), "{selector} reaches a module");
        }
    }
    let addresses: Vec<_> = facets.iter().map(|facet| facet.facetAddress).collect();
    assert_eq!(world.ask(&Hub::facetAddressesCall {}), addresses);
    let unknown = FixedBytes(hex!("deadbeef"));
    assert_eq!(world.ask(&Hub::facetAddressCall { selector: unknown }), Address::ZERO);
}

#[test]
fn interfaces_are_announced() {
    let world = World::deployed();
    let supports = |id: [u8; 4]| world.ask(&Hub::supportsInterfaceCall { interfaceId: FixedBytes(id) });
    for id in [hex!("01ffc9a7"), hex!("7f5828d0"), hex!("48e2b093")] {
        assert!(supports(id));
    }
    for id in [hex!("1f931c1c"), hex!("ffffffff")] {
        assert!(!supports(id));
    }
}

#[test]
fn implementations_cannot_be_initialized() {
    let mut world = World::deployed();
    let master = world.view(world.at.app_registry, &AppRegistry::masterCall {}).unwrap();
    let call = App::initializeCall {
        name: String::new(),
        appType: String::new(),
        multiaddr: Bytes::new(),
        checksum: B256::ZERO,
        mrenclave: Bytes::new(),
    };
    assert_eq!(world.send(person("anyone"), master, &call).err(), Some(text("already initialized")));
    assert_eq!(world.view(master, &App::m_appNameCall {}).unwrap(), "");
    assert_eq!(world.view(master, &App::registryCall {}).unwrap(), world.at.app_registry);

    let master = world.view(world.at.dataset_registry, &DatasetRegistry::masterCall {}).unwrap();
    let call = Dataset::initializeCall {
        name: String::new(),
        multiaddr: Bytes::new(),
        checksum: Default::default(),
    };
    assert_eq!(world.send(person("anyone"), master, &call).err(), Some(text("already initialized")));
    let master = world.view(world.at.workerpool_registry, &WorkerpoolRegistry::masterCall {}).unwrap();
    let call = Workerpool::initializeCall { description: String::new() };
    assert_eq!(world.send(person("anyone"), master, &call).err(), Some(text("already initialized")));
}

#[test]
fn owner_functions_are_closed_to_others() {
    let mut world = World::deployed();
    let anyone = person("anyone");
    let refused = Some(text("Ownable: caller is not the owner"));
    let configure = Hub::configureCall {
        token: anyone,
        name: String::new(),
        symbol: String::new(),
        decimals: 0,
        appRegistry: anyone,
        datasetRegistry: anyone,
        workerpoolRegistry: anyone,
        v3Hub: anyone,
    };
    assert_eq!(world.hub(anyone, &configure).err(), refused);
    assert_eq!(world.hub(anyone, &Hub::setTeeBrokerCall { broker: anyone }).err(), refused);
    assert_eq!(world.hub(anyone, &Hub::setCallbackGasCall { gasLimit: U256::ZERO }).err(), refused);
    let registries = Hub::changeRegistriesCall {
        appRegistry: anyone,
        datasetRegistry: anyone,
        workerpoolRegistry: anyone,
    };
    assert_eq!(world.hub(anyone, &registries).err(), refused);
    let category = Hub::createCategoryCall {
        name: "n".into(),
        description: "d".into(),
        workClockTimeRef: U256::from(7),
    };
    assert_eq!(world.hub(anyone, &category).err(), refused);
    assert_eq!(world.hub(anyone, &Hub::recoverCall {}).err(), refused);
    let transfer = Hub::transferOwnershipCall { newOwner: anyone };
    let error = Hub::NotContractOwner { _user: anyone, _contractOwner: world.owner };
    assert_eq!(world.hub(anyone, &transfer).err(), Some(custom(&error)));

    let owner = world.owner;
    assert_eq!(world.hub(owner, &configure).err(), Some(text("already-configured")));
    world.hub(owner, &Hub::setTeeBrokerCall { broker: anyone }).unwrap();
    assert_eq!(world.ask(&Hub::teebrokerCall {}), anyone);
    world.hub(owner, &Hub::setCallbackGasCall { gasLimit: U256::from(2_000_000) }).unwrap();
    assert_eq!(world.ask(&Hub::callbackgasCall {}), U256::from(2_000_000));
    let much = U256::from(2_000_001);
    let error = Hub::CallbackGasTooHigh { gasLimit: much };
    assert_eq!(world.hub(owner, &Hub::setCallbackGasCall { gasLimit: much }).err(), Some(custom(&error)));
    let done = world.hub(owner, &category).unwrap();
    assert_eq!(done.output.as_ref(), U256::from(5).to_be_bytes::<32>());
    assert_eq!(done.names(&world), ["CreateCategory"]);
    world.hub(anyone, &Hub::updateDomainSeparatorCall {}).unwrap();
    assert_eq!(world.ask(&Hub::eip712domain_separatorCall {}), world.domain().separator());

    let done = world.hub(owner, &Hub::transferOwnershipCall { newOwner: Address::ZERO }).unwrap();
    assert_eq!(done.names(&world), ["OwnershipTransferred"]);
    assert_eq!(world.hub(owner, &category).err(), refused);
}
