// network, wallet, account, hub.
import assert from 'node:assert/strict';

const RLC = 1_000_000_000n;
const HASH = /^0x[0-9a-f]{64}$/;
const big = (number) => BigInt(number.toString());

export const identity = [
  { method: 'network.getNetwork', check: ({ chainId }, { ready }) => assert.equal(String(chainId), String(ready.chainId)) },
  { method: 'wallet.getAddress', check: (address, { addresses }) => assert.equal(address, addresses.requester) },
  {
    method: 'wallet.checkBalances',
    args: ({ addresses }) => [addresses.requester],
    check: ({ wei, nRLC }) => assert(big(wei) > 0n && big(nRLC) >= RLC),
  },
  {
    method: 'wallet.sendETH',
    args: ({ fresh }) => ['2000000000000000000', fresh.address],
    check: (hash) => assert.match(hash, HASH),
  },
  { method: 'wallet.sendRLC', args: ({ fresh }) => [5, fresh.address], check: (hash) => assert.match(hash, HASH) },
  {
    method: 'wallet.checkBalances',
    args: ({ fresh }) => [fresh.address],
    check: ({ nRLC }) => assert.equal(big(nRLC), 5n),
  },
  {
    method: 'wallet.sweep',
    as: 'fresh',
    args: ({ addresses }) => [addresses.requester],
    check: ({ sendERC20TxHash, sendNativeTxHash }) => assert(sendERC20TxHash && sendNativeTxHash),
  },
  {
    method: 'wallet.checkBalances',
    args: ({ fresh }) => [fresh.address],
    check: ({ nRLC }) => assert.equal(big(nRLC), 0n),
  },
  {
    method: 'account.checkBalance',
    args: ({ addresses }) => [addresses.requester],
    check: ({ stake }, context) => {
      context.stake = big(stake);
    },
  },
  { method: 'account.deposit', args: () => [100_000], check: ({ amount }) => assert.equal(big(amount), 100_000n) },
  { method: 'account.withdraw', args: () => [10], check: ({ amount }) => assert.equal(big(amount), 10n) },
  {
    method: 'account.checkBalance',
    args: ({ addresses }) => [addresses.requester],
    check: ({ stake }, context) => assert.equal(big(stake), context.stake + 99_990n),
  },
  { method: 'account.approve', args: ({ addresses }) => [7, addresses.workerpoolOwner], check: (hash) => assert(hash) },
  {
    method: 'account.checkAllowance',
    args: ({ addresses }) => [addresses.requester, addresses.workerpoolOwner],
    check: (amount) => assert.equal(big(amount), 7n),
  },
  { method: 'account.revokeApproval', args: ({ addresses }) => [addresses.workerpoolOwner], check: (hash) => assert(hash) },
  {
    method: 'account.checkAllowance',
    args: ({ addresses }) => [addresses.requester, addresses.workerpoolOwner],
    check: (amount) => assert.equal(big(amount), 0n),
  },
  {
    method: 'hub.countCategory',
    check: (count, context) => {
      context.categories = Number(count);
      assert(context.categories >= 5);
    },
  },
  {
    // One second of time, so that its deals are over in ten.
    method: 'hub.createCategory',
    as: 'deployer',
    args: () => [{ name: 'blink', description: 'for claims', workClockTimeRef: 1 }],
    check: ({ catid }, context) => {
      context.blink = Number(catid);
      assert.equal(context.blink, context.categories);
    },
  },
  {
    method: 'hub.showCategory',
    args: ({ blink }) => [blink],
    check: ({ name, workClockTimeRef }) => assert.deepEqual([name, String(workClockTimeRef)], ['blink', '1']),
  },
  { method: 'hub.getTimeoutRatio', check: (ratio) => assert.equal(String(ratio), '10') },
];
