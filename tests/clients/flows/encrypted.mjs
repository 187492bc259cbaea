// A result that the beneficiary alone can read.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';

import { refused, step } from '../lib/steps.mjs';
import { app, appOrder, completed, person, poolOrder, requestOrder } from '../lib/trade.mjs';
import { entries } from '../lib/zip.mjs';

const KEY_BITS = [2048, 4096];

function keys(modulusLength) {
  return generateKeyPairSync('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

export async function encrypted(world) {
  const { enclave: tag, client } = world;
  const [owner, buyer] = await step('people', async () => [
    await person(world), await person(world, { deposit: 100 }),
  ]);
  const sold = await step('app.deployApp', () => app(world, owner));
  const wanted = (beneficiary) => ({
    app: sold, beneficiary, workerpoolmaxprice: 5, tag, params: { iexec_result_encryption: true },
  });
  const { privateKey: foreign } = keys(KEY_BITS[0]);
  for (const bits of KEY_BITS) {
    const { publicKey, privateKey } = keys(bits);
    const beneficiary = await step('a beneficiary', () => person(world));
    await step('result.pushResultEncryptionKey', async () => {
      await refused(() => requestOrder(buyer, wanted(beneficiary.address)), /encryption key is not set/);
      await beneficiary.iexec.result.pushResultEncryptionKey(publicKey);
    });
    const { dealid } = await step('order.matchOrders', async () =>
      buyer.iexec.order.matchOrders({
        apporder: await appOrder(owner, { app: sold, tag }),
        workerpoolorder: await poolOrder(world, { workerpoolprice: 5, tag }),
        requestorder: await requestOrder(buyer, wanted(beneficiary.address)),
      }));
    await step(`utils.decryptResult, ${bits} bits`, async () => {
      const { taskid } = await completed(world, buyer, dealid);
      const archive = await (await buyer.iexec.task.fetchResults(taskid)).arrayBuffer();
      assert.deepEqual(Object.keys(entries(archive)).sort(), ['aes-key.rsa', 'iexec_out.zip.aes']);
      const result = entries(await client.utils.decryptResult(archive, privateKey));
      assert.equal(result['result.txt'].toString(), '(no dataset)\n');
      await refused(() => client.utils.decryptResult(archive, foreign), /Failed to decrypt results key/);
    });
  }
}
