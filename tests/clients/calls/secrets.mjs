// secrets, result, storage: what the secret service keeps for an account.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';

const missing = ({ ready }) => ready.smsUrl === undefined;
const is = (expected) => (there) => assert.equal(there, expected);
const pushed = (isUpdated) => (answer) => {
  assert.equal(answer.isPushed, true);
  if (isUpdated !== undefined) assert.equal(answer.isUpdated, isUpdated);
};
const publicKey = () =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });

export const secrets = [
  {
    method: 'secrets.checkRequesterSecretExists', missing,
    args: (context) => {
      context.secretName = context.unique('secret').replaceAll('.', '_');
      return [context.addresses.requester, context.secretName];
    },
    check: is(false),
  },
  { method: 'secrets.pushRequesterSecret', missing, args: ({ secretName }) => [secretName, 'whispered'], check: pushed() },
  {
    method: 'secrets.checkRequesterSecretExists', missing,
    args: ({ addresses, secretName }) => [addresses.requester, secretName], check: is(true),
  },
  { method: 'result.checkResultEncryptionKeyExists', missing, args: ({ fresh }) => [fresh.address], check: is(false) },
  { method: 'result.pushResultEncryptionKey', missing, as: 'fresh', args: () => [publicKey()], check: pushed(false) },
  {
    method: 'result.pushResultEncryptionKey', missing, as: 'fresh',
    args: () => [publicKey(), { forceUpdate: true }], check: pushed(true),
  },
  { method: 'result.checkResultEncryptionKeyExists', missing, args: ({ fresh }) => [fresh.address], check: is(true) },
  { method: 'storage.checkStorageTokenExists', missing, args: ({ fresh }) => [fresh.address, 'dropbox'], check: is(false) },
  { method: 'storage.pushStorageToken', missing, as: 'fresh', args: () => ['a token', 'dropbox'], check: pushed(false) },
];
