// Several enclaves compute the same confidential task: each receives the secrets by itself, all agree on the clear result,
// and the beneficiary alone can read it.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';

import { completedByAll, archiveOf } from '../lib/replicated.mjs';
import { refused, step, witness } from '../lib/steps.mjs';
import { app, appOrder, dataset, datasetOrder, explanation, person, poolOrder, requestOrder } from '../lib/trade.mjs';
import { entries } from '../lib/zip.mjs';

const TRUST = 3;

export async function replicated(world) {
  const { enclave: tag, ready, client } = world;
  const [owner, provider, buyer] = await step('people', async () => [
    await person(world), await person(world), await person(world, { deposit: 100 }),
  ]);
  const sold = await step('app.deployApp', () => app(world, owner));
  const rented = await step('dataset.deployDataset', () => dataset(world, provider, 'read by several\n'));
  const pem = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } };
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, ...pem });
  await step('secrets', async () => {
    await owner.iexec.app.pushAppSecret(sold, 'told to several');
    await buyer.iexec.secrets.pushRequesterSecret('mine', 'as well');
    await buyer.iexec.result.pushResultEncryptionKey(publicKey);
  });
  for (const isEncrypted of [false, true]) {
    await step(isEncrypted ? 'an encrypted result' : 'a clear result', async () => {
      const params = { iexec_secrets: { 1: 'mine' }, iexec_result_encryption: isEncrypted };
      const { dealid } = await buyer.iexec.order.matchOrders({
        apporder: await appOrder(owner, { app: sold, tag }),
        datasetorder: await datasetOrder(provider, { dataset: rented, tag }),
        workerpoolorder: await poolOrder(world, { workerpoolprice: 5, trust: TRUST, tag }),
        requestorder: await requestOrder(buyer, { app: sold, dataset: rented, workerpoolmaxprice: 5, trust: TRUST, tag, params }),
      });
      const taskid = await buyer.iexec.deal.computeTaskId(dealid, 0);
      witness('the pool', () => explanation(world, taskid));
      const task = await completedByAll(ready, taskid);
      assert(task.contributors.length >= 2, `${task.contributors.length} contributors at trust ${TRUST}`);
      await refused(() => buyer.iexec.task.show(taskid), /value at index 0 unnamed/);
      const archive = await archiveOf(ready, task);
      const result = entries(isEncrypted ? await client.utils.decryptResult(archive, privateKey) : archive);
      const [first, , third, ...rest] = result['result.txt'].toString().split('\n');
      assert.deepEqual([first, third, ...rest], [
        'IEXEC_APP_DEVELOPER_SECRET=told to several', 'IEXEC_REQUESTER_SECRET_1=as well', 'read by several', '',
      ]);
    });
  }
}
