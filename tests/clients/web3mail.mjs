// web3mail: contacts are found and written to by an application in an enclave, which compass knows by its name:
// `node web3mail.mjs`. Instead of sending mail, the application tells on chain what it was given.
import { strangers } from './lib/alone.mjs';

import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';

import { Contract, JsonRpcProvider, Wallet, getBytes } from 'ethers';

import { account, library, network } from './lib/network.mjs';
import { confidentialApp, mailer, protector } from './lib/protection.mjs';
import { done, observed, refused, step } from './lib/steps.mjs';
import { entries } from './lib/zip.mjs';

const POOL_PRICE_MAX = 1_000_000_000;
const DEPOSIT = 100_000_000_000;
// Where web3mail lets results be told; nobody lives there on this chain.
const CALLBACK = '0x5f936db7ad6d29371808e42a87015595d90509ba';
// Of the clients, which compute it from what an order says.
const EVERYBODY = '0x0000000000000000000000000000000000000000';
const ready = await network();
const client = await library('9.0.1', ready);
const [owner, sender] = ['datasetProvider', 'requester'].map((role) => account(ready, role).address.toLowerCase());
const keeper = protector(ready, 'datasetProvider');
const mail = mailer(ready, 'requester');
const words = `contact-${process.pid}-${Date.now()}`;

const app = await step('the application that compass knows', async () => {
  const deployed = await confidentialApp(ready, client, 'confidential', 'web3mail');
  const { address } = await (await fetch(`${ready.compassUrl}/${ready.chainId}/iapps/web3mail-tdx`)).json();
  assert.equal(address, deployed, 'the cloud was started with --iapp web3mail-tdx=<this address>');
  return deployed;
});
const contact = async (name, data, more) => {
  const { address } = await keeper.protectData({ name: `${words}-${name}`, data });
  if (more) await keeper.grantAccess({ protectedData: address, authorizedApp: app, ...more });
  return address.toLowerCase();
};
const [everyones, mine, bulky] = await step('contacts', async () => {
  const email = (name) => ({ email: `${name}@example.org` });
  const granted = [
    await contact('all', email('all'), { numberOfAccess: 2 }),
    await contact('mine', { ...email('mine'), telegram: '@mine' }, { numberOfAccess: 3, authorizedUser: sender, pricePerAccess: 5 }),
    await contact('bulk', email('bulk'), { allowBulk: true }),
  ];
  await contact('no-mail', { phone: '+33' }, { numberOfAccess: 2 });
  await contact('another', email('another'), { numberOfAccess: 2, authorizedUser: account(ready, 'worker').address });
  await contact('ungranted', email('ungranted'));
  return granted;
});

const mineOnly = (contacts) => contacts.filter(({ name }) => name.startsWith(words));
await step('fetchMyContacts', async () => {
  const found = mineOnly(await mail.fetchMyContacts());
  assert.deepEqual(found.map(({ address }) => address).sort(), [everyones, mine, bulky].sort());
  const one = found.find(({ address }) => address === mine);
  assert.equal(one.owner, owner);
  assert.equal(one.name, `${words}-mine`);
  assert.deepEqual([one.remainingAccess, one.accessPrice, one.isUserStrict], [3, 5, true]);
  assert(Math.abs(Date.parse(one.accessGrantTimestamp) - Date.now()) < 600_000, one.accessGrantTimestamp);
  assert.equal(one.grantedAccess.requesterrestrict.toLowerCase(), sender);
  const another = found.find(({ address }) => address === everyones);
  assert.equal(another.grantedAccess.requesterrestrict, EVERYBODY);
  assert.equal(another.isUserStrict, false);
});
await step('fetchMyContacts of bulks and of this user alone', async () => {
  assert.deepEqual(mineOnly(await mail.fetchMyContacts({ bulkOnly: true })).map(({ address }) => address), [bulky]);
  assert.deepEqual(mineOnly(await mail.fetchMyContacts({ isUserStrict: true })).map(({ address }) => address), [mine]);
});
await step('fetchUserContacts', async () => {
  const found = mineOnly(await mail.fetchUserContacts({ userAddress: Wallet.createRandom().address }));
  assert.deepEqual(found.map(({ address }) => address).sort(), [everyones, bulky].sort());
});

const letter = { emailSubject: 'A subject', emailContent: 'Dear contact,\nå letter\n', label: 'callback' };
const where = { workerpoolAddressOrEns: ready.workerpool, workerpoolMaxPrice: POOL_PRICE_MAX };
const send = (protectedData, more) => mail.sendEmail({ protectedData, ...letter, ...where, ...more });
await step('sendEmail is refused without an address, a grant, a price', async () => {
  await refused(() => send(app), /does not contain "email:string"/);
  await refused(() => send(mine, { dataMaxPrice: 4 }), /No Dataset order found/);
  await refused(() => send(mine, { dataMaxPrice: 5, workerpoolMaxPrice: 0 }), /No Workerpool order found/);
});
await step('account.deposit', () => client.open('requester').account.deposit(DEPOSIT));

// What the application was given, as it tells: its secret on one line, then the protected data.
const VIEW_TASK = 'function viewTask(bytes32) view returns (tuple(uint8 status, bytes32 dealid, uint256 idx,'
  + ' uint256 timeref, uint256 contributionDeadline, uint256 revealDeadline, uint256 finalDeadline,'
  + ' bytes32 consensusValue, uint256 revealCounter, uint256 winnerCounter, address[] contributors,'
  + ' bytes32 resultDigest, bytes results, uint256 resultsTimestamp, bytes resultsCallback))';
const iexec = client.open('requester');
async function told({ taskId, dealId }) {
  const last = (await observed(await iexec.task.obsTask(taskId, { dealid: dealId }))).at(-1);
  assert.equal(last.message, 'TASK_COMPLETED');
  const hub = new Contract(ready.hub, [VIEW_TASK], new JsonRpcProvider(ready.rpcUrl));
  return Buffer.from(getBytes((await hub.viewTask(taskId)).resultsCallback));
}
await step('sendEmail', async () => {
  const sent = await send(mine, { dataMaxPrice: 5, senderName: 'A sender' });
  const { deal, text } = { deal: await iexec.deal.show(sent.dealId), text: await told(sent) };
  assert.equal(deal.callback.toLowerCase(), CALLBACK);
  assert.equal(deal.dataset.pointer.toLowerCase(), mine);
  const [, secret] = /^IEXEC_REQUESTER_SECRET_1=(.*)$/m.exec(text.toString());
  const { emailContentMultiAddr, emailContentEncryptionKey, ...rest } = JSON.parse(secret);
  assert.deepEqual(rest, {
    emailSubject: letter.emailSubject, contentType: 'text/plain', senderName: 'A sender', useCallback: true,
  });
  const encrypted = Buffer.from(await (await fetch(`${ready.ipfsGatewayUrl}${emailContentMultiAddr}`)).arrayBuffer());
  const key = Buffer.from(emailContentEncryptionKey, 'base64');
  const cipher = createDecipheriv('aes-256-cbc', key, encrypted.subarray(0, 16));
  assert.equal(Buffer.concat([cipher.update(encrypted.subarray(16)), cipher.final()]).toString(), letter.emailContent);
  const { email } = entries(text.subarray(text.indexOf('PK')));
  assert.equal(email.subarray(4).toString(), 'mine@example.org');
});
await step('fetchMyContacts tells what is left', async () => {
  const found = mineOnly(await mail.fetchMyContacts({ isUserStrict: true }));
  assert.deepEqual(found.map(({ remainingAccess }) => remainingAccess), [2]);
});

await step('prepareEmailCampaign and sendEmailCampaign', async () => {
  const accesses = mineOnly(await mail.fetchMyContacts({ bulkOnly: true })).map(({ grantedAccess }) => grantedAccess);
  const { label, ...content } = letter;
  const { campaignRequest } = await mail.prepareEmailCampaign({ ...content, ...where, grantedAccesses: accesses });
  const { tasks } = await mail.sendEmailCampaign({ ...where, campaignRequest });
  assert.equal(tasks.length, 1);
  const [{ taskId, dealId }] = tasks;
  const last = (await observed(await iexec.task.obsTask(taskId, { dealid: dealId }))).at(-1);
  assert.equal(last.message, 'TASK_COMPLETED');
  const { 'result.txt': result } = entries(await (await iexec.task.fetchResults(taskId)).arrayBuffer());
  const text = result.toString();
  assert(text.includes('"emailSubject":"A subject"') && text.includes('bulk@example.org'), text);
  assert.equal(label, 'callback');
});
// Of all public services only one is asked, with the encrypted bulk, and its absence does no harm.
await step('nothing else left this machine', () => assert.deepEqual([...strangers], ['ipfs.thegraph.com']));
done({ app });
