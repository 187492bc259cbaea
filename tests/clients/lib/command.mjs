// The iexec command line of one version, in a folder for each role that `metacloud iexec-config` prepared.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const TIME_MS_MAX = 80_000;
const PASSWORD = 'a password';

export class CommandLine {
  #home;

  #bin;

  constructor(packageName, home) {
    this.#home = home;
    this.#bin = fileURLToPath(new URL('cli/cmd/', import.meta.resolve(packageName).replace(/lib\/index\.js$/, '')));
  }

  // Everything lies in a folder of its own, so that the user's wallets are neither seen nor changed.
  static async open(packageName) {
    return new CommandLine(packageName, await mkdtemp(join(tmpdir(), 'metacloud-iexec-')));
  }

  close() {
    return rm(this.#home, { recursive: true });
  }

  folder(role) {
    return join(this.#home, role);
  }

  // A project, then `chain.json` and a wallet for a role.
  async configure(role) {
    await mkdir(this.folder(role));
    const made = await this.run(role, 'init', ['--skip-wallet', '--force'], false);
    const more = ['--ready-file', process.env.METACLOUD_READY_FILE, '--dir', this.folder(role), '--role', role];
    await execute(process.env.METACLOUD_PROGRAM, ['iexec-config', ...more, '--password', PASSWORD, '--force', '--json']);
    return made;
  }

  // A folder with the same `chain.json` and no wallet.
  async copy(role, to) {
    await mkdir(this.folder(to));
    await copyFile(join(this.folder(role), 'chain.json'), join(this.folder(to), 'chain.json'));
  }

  // Commands that a group has, as it says itself.
  async commands(group) {
    const { stdout } = await execute('node', [join(this.#bin, `iexec-${group}.js`), '--help'], this.#in('.'));
    const listed = stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z][a-zA-Z-]+)(?=[ |])/gm);
    return [...listed].map(([, name]) => `${group} ${name}`).filter((name) => !name.endsWith(' help'));
  }

  // Runs a command; its answer. `wallet`: whether the command takes one.
  async run(role, command, more, wallet) {
    const [group, ...rest] = command.split(' ');
    // The published program starts another one for each group; starting that saves half of the time.
    const program = rest.length > 0 ? `iexec-${group}.js` : 'iexec.js';
    const options = wallet ? ['--keystoredir', 'local', '--password', PASSWORD] : [];
    const words = [join(this.#bin, program), ...(rest.length > 0 ? rest : [group]), ...more, '--raw', ...options];
    const { stdout, stderr } = await execute('node', words, this.#in(role)).catch((error) => error);
    // Some failures leave the exit code at 0.
    assert(stdout, `${command}: ${stderr}`);
    const answer = JSON.parse(stdout.trim().split('\n').at(-1));
    assert.equal(answer.ok, true, stdout);
    return answer;
  }

  // Changes a JSON file of a role's folder.
  async edit(role, file, change) {
    const path = join(this.folder(role), file);
    const content = JSON.parse(await readFile(path, 'utf8'));
    change(content);
    await writeFile(path, JSON.stringify(content));
  }

  #in(role) {
    const environment = { PATH: process.env.PATH, HOME: this.#home };
    return { cwd: this.folder(role), env: environment, timeout: TIME_MS_MAX, maxBuffer: 1 << 22 };
  }
}
