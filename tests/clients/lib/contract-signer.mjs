// A wallet that is a contract, as a signer of ethers: its owner signs for it and sends through it.
import { AbstractSigner, concat } from 'ethers';

export class ContractSigner extends AbstractSigner {
  #owner;
  #account;

  // The owner is an ethers wallet, the account a contract `Account` of its own.
  constructor(owner, account) {
    super(owner.provider);
    this.#owner = owner;
    this.#account = account;
  }

  async getAddress() {
    return this.#account.target;
  }

  connect(provider) {
    return new ContractSigner(this.#owner.connect(provider), this.#account);
  }

  async signMessage(message) {
    return concat([this.#account.target, await this.#owner.signMessage(message)]);
  }

  async signTypedData(domain, types, value) {
    return concat([this.#account.target, await this.#owner.signTypedData(domain, types, value)]);
  }

  async signTransaction() {
    throw new Error('a contract signs no transaction');
  }

  async sendTransaction({ to, value, data }) {
    return this.#account.connect(this.#owner).execute(to, value ?? 0n, data ?? '0x');
  }
}
