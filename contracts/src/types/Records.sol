// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// What the accessors return. How it is stored is another matter (see README.md, "Storage").

/// One of the three resources of a deal; `price` in nRLC per task.
struct Resource {
    address pointer;
    address owner;
    uint256 price;
}

/// A classic deal.
struct Deal {
    Resource app;
    Resource dataset;
    Resource workerpool;
    uint256 trust;
    uint256 category;
    bytes32 tag;
    address requester;
    address beneficiary;
    address callback;
    string params;
    uint256 startTime;
    uint256 botFirst;
    uint256 botSize;
    uint256 workerStake;
    uint256 schedulerRewardRatio;
    address sponsor;
}

/// A Boost deal.
struct DealBoost {
    address appOwner;
    uint96 appPrice;
    address datasetOwner;
    uint96 datasetPrice;
    address workerpoolOwner;
    uint96 workerpoolPrice;
    address requester;
    uint96 workerReward;
    address callback;
    uint40 deadline;
    uint16 botFirst;
    uint16 botSize;
    bytes3 shortTag;
    address sponsor;
}

enum TaskStatus {
    UNSET,
    ACTIVE,
    REVEALING,
    COMPLETED,
    FAILED
}

/// A task; times are seconds since the epoch, `resultsTimestamp` is always 0.
struct Task {
    TaskStatus status;
    bytes32 dealid;
    uint256 idx;
    uint256 timeref;
    uint256 contributionDeadline;
    uint256 revealDeadline;
    uint256 finalDeadline;
    bytes32 consensusValue;
    uint256 revealCounter;
    uint256 winnerCounter;
    address[] contributors;
    bytes32 resultDigest;
    bytes results;
    uint256 resultsTimestamp;
    bytes resultsCallback;
}

enum ContributionStatus {
    UNSET,
    CONTRIBUTED,
    PROVED,
    REJECTED
}

/// What a worker committed to; `weight` is the base-2 logarithm of the credibility it had then.
struct Contribution {
    ContributionStatus status;
    bytes32 resultHash;
    bytes32 resultSeal;
    address enclaveChallenge;
    uint256 weight;
}

/// A class of tasks by duration; `workClockTimeRef` is T in seconds.
struct Category {
    string name;
    string description;
    uint256 workClockTimeRef;
}

/// Escrow of an account in nRLC: free and locked.
struct Account {
    uint256 stake;
    uint256 locked;
}

struct AppInfo {
    address owner;
    string m_appName;
    string m_appType;
    bytes m_appMultiaddr;
    bytes32 m_appChecksum;
    bytes m_appMREnclave;
}

struct DatasetInfo {
    address owner;
    string m_datasetName;
    bytes m_datasetMultiaddr;
    bytes32 m_datasetChecksum;
}

struct WorkerpoolInfo {
    address owner;
    string m_workerpoolDescription;
    uint256 m_workerStakeRatioPolicy;
    uint256 m_schedulerRewardRatioPolicy;
}
