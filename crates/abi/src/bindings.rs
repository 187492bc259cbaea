//! Calls, events, errors and tuples of the contracts, generated from the committed artifacts.
//!
//! Each module also holds the creation code (`BYTECODE`) and the deployed code (`DEPLOYED_BYTECODE`).

#![allow(missing_docs, unreachable_pub, clippy::all)]

use alloy_sol_types::sol;

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Hub,
    "../../contracts/artifacts/Hub.json"
);
sol!(
    #[derive(Debug, PartialEq, Eq)]
    RLC,
    "../../contracts/artifacts/RLC.json"
);
sol!(
    #[derive(Debug, PartialEq, Eq)]
    AppRegistry,
    "../../contracts/artifacts/AppRegistry.json"
);
sol!(
    #[derive(Debug, PartialEq, Eq)]
    DatasetRegistry,
    "../../contracts/artifacts/DatasetRegistry.json"
);
sol!(
    #[derive(Debug, PartialEq, Eq)]
    WorkerpoolRegistry,
    "../../contracts/artifacts/WorkerpoolRegistry.json"
);
sol!(
    #[derive(Debug, PartialEq, Eq)]
    DataProtector,
    "../../contracts/artifacts/DataProtector.json"
);
sol!(
    #[derive(Debug, PartialEq, Eq)]
    App,
    "../../contracts/artifacts/App.json"
);
sol!(
    #[derive(Debug, PartialEq, Eq)]
    Dataset,
    "../../contracts/artifacts/Dataset.json"
);
sol!(
    #[derive(Debug, PartialEq, Eq)]
    Workerpool,
    "../../contracts/artifacts/Workerpool.json"
);
