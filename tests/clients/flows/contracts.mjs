// App and requester are contracts (ERC-1271): they sign, publish, buy and keep secrets like anybody, and orders that they
// signed on chain beforehand count without a signature.
import assert from 'node:assert/strict';

import { Contract } from 'ethers';

import { ContractSigner } from '../lib/contract-signer.mjs';
import { put } from '../lib/contracts.mjs';
import { refused, step } from '../lib/steps.mjs';
import { app, appOrder, completed, files, person, poolOrder, requestOrder } from '../lib/trade.mjs';

const APP_ORDER = 'tuple(address app, uint256 appprice, uint256 volume, bytes32 tag, address datasetrestrict,'
  + ' address workerpoolrestrict, address requesterrestrict, bytes32 salt, bytes sign)';
const POOL_ORDER = 'tuple(address workerpool, uint256 workerpoolprice, uint256 volume, bytes32 tag, uint256 category,'
  + ' uint256 trust, address apprestrict, address datasetrestrict, address requesterrestrict, bytes32 salt, bytes sign)';
const DATASET_ORDER = 'tuple(address dataset, uint256 datasetprice, uint256 volume, bytes32 tag, address apprestrict,'
  + ' address workerpoolrestrict, address requesterrestrict, bytes32 salt, bytes sign)';
const REQUEST_ORDER = 'tuple(address app, uint256 appmaxprice, address dataset, uint256 datasetmaxprice,'
  + ' address workerpool, uint256 workerpoolmaxprice, address requester, uint256 volume, bytes32 tag, uint256 category,'
  + ' uint256 trust, address beneficiary, address callback, string params, bytes32 salt, bytes sign)';
const HUB = [
  `function manageAppOrder(tuple(${APP_ORDER} order, uint8 operation, bytes sign))`,
  `function matchOrders(${APP_ORDER}, ${DATASET_ORDER}, ${POOL_ORDER}, ${REQUEST_ORDER}) returns (bytes32)`,
  'event OrdersMatched(bytes32 dealid, bytes32 appHash, bytes32 datasetHash, bytes32 workerpoolHash,'
  + ' bytes32 requestHash, uint256 volume)',
];
const SIGN = 0;
const ZERO = `0x${'00'.repeat(20)}`;
const NO_DATASET = [ZERO, 0, 0, `0x${'00'.repeat(32)}`, ZERO, ZERO, ZERO, `0x${'00'.repeat(32)}`, '0x'];

// A person's contract, as somebody who acts in the market.
async function through(world, { wallet }) {
  const signer = new ContractSigner(wallet, await put(wallet, 'Account'));
  return { iexec: world.client.withSigner(signer), address: await signer.getAddress(), wallet: signer };
}

export async function contracts(world) {
  const { enclave: tag, ready, bank } = world;
  const [owner, buyer] = await step('people and their contracts', async () => [
    await through(world, await person(world)), await through(world, await person(world)),
  ]);
  const sold = await step('app.deployApp', () => app(world, owner));
  await step('secrets', async () => {
    assert.equal(await owner.iexec.app.pushAppSecret(sold, 'of a contract'), true);
    assert.equal((await buyer.iexec.secrets.pushRequesterSecret('one', 'of another')).isPushed, true);
  });
  await step('account.deposit', async () => {
    await bank.wallet.sendRLC(100, buyer.address);
    const { amount } = await buyer.iexec.account.deposit(100);
    assert.equal(String(amount), '100');
  });
  await step('order.publish', async () => {
    await owner.iexec.order.publishApporder(await appOrder(owner, { app: sold, appprice: 3, tag }));
    const requestorder = await requestOrder(buyer, {
      app: sold, appmaxprice: 3, workerpoolmaxprice: 5, tag, params: { iexec_secrets: { 1: 'one' } },
    });
    assert.equal((requestorder.sign.length - 2) / 2, 85, 'no signature of a key');
    await buyer.iexec.order.publishRequestorder(requestorder);
  });
  const { dealid } = await step('order.matchOrders', async () => {
    const { orders: [{ order: apporder, signer }] } = await buyer.iexec.orderbook.fetchAppOrderbook({ app: sold, minTag: tag });
    assert.equal(signer, owner.address);
    const book = await owner.iexec.orderbook.fetchRequestOrderbook({ requester: buyer.address });
    assert.equal(book.count, 1);
    const [{ order: requestorder }] = book.orders;
    const forged = { ...requestorder, sign: `${requestorder.sign.slice(0, -4)}0000` };
    const workerpoolorder = await poolOrder(world, { workerpoolprice: 5, tag });
    await refused(() => buyer.iexec.order.matchOrders({ apporder, workerpoolorder, requestorder: forged }), /invalid sign/);
    return buyer.iexec.order.matchOrders({ apporder, workerpoolorder, requestorder });
  });
  await step('the result', async () => {
    const result = await files(buyer, await completed(world, buyer, dealid));
    const text = result['result.txt'].toString();
    assert.match(text, /APP_DEVELOPER_SECRET=of a contract\n(.|\n)*REQUESTER_SECRET_1=of another\n/);
  });
  await step('order.unpublishAllApporders', async () => {
    await owner.iexec.order.publishApporder(await appOrder(owner, { app: sold, appprice: 3, tag }));
    assert.equal((await owner.iexec.order.unpublishAllApporders(sold)).length, 1);
  });
  await step('task.fetchLogs', async () => {
    if (ready.compassUrl === undefined) return;
    const taskid = await buyer.iexec.deal.computeTaskId(dealid, 0);
    assert.equal((await buyer.iexec.task.fetchLogs(taskid)).length, 1);
  });

  // The clients ask the signer alone about a signature, so that what the hub remembers is of use to ethers only.
  await step('an order signed on chain', async () => {
    const presigned = { ...(await appOrder(owner, { app: sold, appprice: 3, tag })), sign: '0x' };
    const hub = new Contract(ready.hub, HUB, owner.wallet);
    await (await hub.manageAppOrder([presigned, SIGN, '0x'])).wait();
    const orders = {
      apporder: presigned,
      workerpoolorder: await poolOrder(world, { workerpoolprice: 5, tag }),
      requestorder: await requestOrder(buyer, { app: sold, appmaxprice: 3, workerpoolmaxprice: 5, tag }),
    };
    await refused(() => buyer.iexec.order.matchOrders(orders), /apporder invalid sign/);
    await owner.iexec.order.publishApporder(presigned);
    const matching = await hub.connect(buyer.wallet)
      .matchOrders(orders.apporder, NO_DATASET, orders.workerpoolorder, orders.requestorder);
    const { logs } = await matching.wait();
    const parsed = logs.map((log) => hub.interface.parseLog(log)).find((event) => event?.name === 'OrdersMatched');
    const task = await completed(world, buyer, parsed.args.dealid);
    assert.equal(task.statusName, 'COMPLETED');
  });
}
