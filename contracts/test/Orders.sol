// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder} from "../src/types/Orders.sol";
import {vm} from "./Vm.sol";

/// EIP-712 as the standard writes it: type strings and `abi.encode`, nothing of the contracts' own hashing.
library Eip712 {
    function separator(address hub) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("iExecODB"),
                keccak256("5.0.0"),
                block.chainid,
                hub
            )
        );
    }

    function digest(address hub, bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator(hub), structHash));
    }

    function app(AppOrder memory o) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "AppOrder(address app,uint256 appprice,uint256 volume,bytes32 tag,address datasetrestrict,address workerpoolrestrict,address requesterrestrict,bytes32 salt)"
        );
        return keccak256(
            abi.encode(
                kind, o.app, o.appprice, o.volume, o.tag, o.datasetrestrict, o.workerpoolrestrict, o.requesterrestrict, o.salt
            )
        );
    }

    function dataset(DatasetOrder memory o) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "DatasetOrder(address dataset,uint256 datasetprice,uint256 volume,bytes32 tag,address apprestrict,address workerpoolrestrict,address requesterrestrict,bytes32 salt)"
        );
        return keccak256(
            abi.encode(
                kind, o.dataset, o.datasetprice, o.volume, o.tag, o.apprestrict, o.workerpoolrestrict, o.requesterrestrict, o.salt
            )
        );
    }

    function workerpool(WorkerpoolOrder memory o) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "WorkerpoolOrder(address workerpool,uint256 workerpoolprice,uint256 volume,bytes32 tag,uint256 category,uint256 trust,address apprestrict,address datasetrestrict,address requesterrestrict,bytes32 salt)"
        );
        bytes memory head =
            abi.encode(kind, o.workerpool, o.workerpoolprice, o.volume, o.tag, o.category, o.trust);
        return keccak256(
            bytes.concat(head, abi.encode(o.apprestrict, o.datasetrestrict, o.requesterrestrict, o.salt))
        );
    }

    function request(RequestOrder memory o) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "RequestOrder(address app,uint256 appmaxprice,address dataset,uint256 datasetmaxprice,address workerpool,uint256 workerpoolmaxprice,address requester,uint256 volume,bytes32 tag,uint256 category,uint256 trust,address beneficiary,address callback,string params,bytes32 salt)"
        );
        bytes memory assets = abi.encode(
            kind, o.app, o.appmaxprice, o.dataset, o.datasetmaxprice, o.workerpool, o.workerpoolmaxprice
        );
        bytes memory terms = abi.encode(o.requester, o.volume, o.tag, o.category, o.trust);
        bytes memory rest = abi.encode(o.beneficiary, o.callback, keccak256(bytes(o.params)), o.salt);
        return keccak256(bytes.concat(assets, terms, rest));
    }
}

/// Signatures by keys that the tests know.
library Signing {
    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// A scheduler's authorization of a worker.
    function authorization(uint256 key, address worker, bytes32 taskId) internal pure returns (bytes memory) {
        bytes32 message = keccak256(abi.encodePacked(worker, taskId, address(0)));
        return sign(key, keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", message)));
    }
}

/// The four orders of a match.
struct OrderSet {
    AppOrder app;
    DatasetOrder dataset;
    WorkerpoolOrder workerpool;
    RequestOrder request;
}
