//! Group contracts (ERC-734): who belongs to whom, by their own word.

use std::collections::BTreeSet;

use alloy_primitives::{Address, Bytes, U256};
use metacloud_chain::Chain;
use metacloud_protocol::deal::GROUPMEMBER_PURPOSE;

/// Memberships asked for in one search; of further groups nobody is a member.
const QUESTIONS_MAX: usize = 256;
/// Selector of `keyHasPurpose(bytes32,uint256)`.
pub(crate) const KEY_HAS_PURPOSE: [u8; 4] = [0xd2, 0x02, 0x15, 0x8d];

/// Which of the pairs (group, account) are memberships, by the groups themselves.
pub(crate) async fn members(
    chain: &Chain,
    mut questions: Vec<(Address, Address)>,
) -> BTreeSet<(Address, Address)> {
    questions.truncate(QUESTIONS_MAX);
    let calls: Vec<(Address, Bytes)> = questions
        .iter()
        .map(|(group, account)| {
            let purpose = GROUPMEMBER_PURPOSE.to_be_bytes::<32>();
            let data = [&KEY_HAS_PURPOSE[..], account.into_word().as_slice(), &purpose].concat();
            (*group, data.into())
        })
        .collect();
    if calls.is_empty() {
        return BTreeSet::new();
    }
    let answers = chain.calls(&calls).await;
    // A group that reverts or answers nonsense accepts nobody.
    let yes = |answer: &Bytes| U256::try_from_be_slice(answer) == Some(U256::from(1));
    let asked = questions.into_iter().zip(answers);
    asked.filter(|(_, answer)| answer.as_ref().is_ok_and(yes)).map(|(question, _)| question).collect()
}
