/**
 * Prepares a clone for a command, then runs it. Uses Node's own modules only, and is quick when nothing is missing:
 *
 * - npm's packages, to node_modules; the build, to dist.
 * - For tests only: Debian's packages of browsers and drivers, as system-packages.mjs says.
 *
 *   node src/cli/setup.mjs classify|test|conformance|embedding|soak|fuzz|serve|bench|… [arguments]
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareTestSystem } from './system-packages.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STAMP = join(ROOT, 'node_modules', '.densenet-webgpu');
const SOURCES = [
  'src',
  'shaders',
  'demo',
  'build',
  'build.mjs',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

/** As `engines` in package.json says; older ones fail later, with worse messages. */
const OLDEST_NODE = [20, 19];

const say = (text) => process.stderr.write(`${text}\n`);

/** Runs Node on a script; what it prints goes to stderr, so that stdout stays the command's own. */
function node(args, stdout = process.stderr) {
  const { status, error } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['inherit', stdout, 'inherit'] });
  if (error) throw error;
  return status ?? 1;
}

function must(what, status) {
  if (status === 0) return;
  say(`${what} failed (exit code ${status}); see above`);
  process.exit(1);
}

/** npm's own script: set when npm runs us, else beside node. */
function npmScript() {
  const beside = join(process.execPath, '..', 'node_modules/npm/bin/npm-cli.js');
  const above = join(process.execPath, '../../lib/node_modules/npm/bin/npm-cli.js');
  const found = [process.env.npm_execpath, beside, above].find(
    (path) => path && /\.c?js$/.test(path) && existsSync(path),
  );
  if (found) return found;
  say('npm was not found: run this through npm, for example `npm run classify`');
  return process.exit(1);
}

function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return;
  say('Installing packages (once; about a minute) …');
  must('npm ci', node([npmScript(), 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']));
  writeFileSync(STAMP, lock);
}

/** The latest change of a file or of anything in a folder, in milliseconds. */
function changed(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const inside = readdirSync(path).filter((name) => !name.endsWith('.generated.ts') && name !== 'screenshots');
  return Math.max(0, ...inside.map((name) => changed(join(path, name))));
}

function build() {
  const built = join(ROOT, 'dist', '.built');
  const newest = Math.max(...SOURCES.map((name) => changed(join(ROOT, name))));
  if (existsSync(built) && statSync(built).mtimeMs > newest) return;
  say('Building …');
  must('the build', node(['build.mjs']));
  writeFileSync(built, '');
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  say(`Node ${OLDEST_NODE.join('.')} or newer is needed, this is ${process.versions.node}: see https://nodejs.org/`);
  process.exit(1);
}

const [command = 'help', ...options] = process.argv.slice(2);
const NO_INSTALL = '--no-install';
const args = options.filter((option) => option !== NO_INSTALL);
// npm takes the option for its own where no `--` stands before it, and passes it on as a variable.
const noInstall = options.includes(NO_INSTALL) || process.env.npm_config_install === '';
checkNode();
installPackages();
build();
if (command === 'fuzz') process.exit(node(['test/fuzz/run.mjs', ...args], 'inherit'));
const vitest = (...rest) => process.exit(node(['node_modules/vitest/vitest.mjs', 'run', ...rest], 'inherit'));
if (['test', 'conformance', 'embedding', 'soak'].includes(command)) await prepareTestSystem(say, { noInstall });
if (command === 'test') vitest(...args);
if (command === 'conformance') {
  process.env.CONFORMANCE = args.includes('--write') ? 'write' : 'all';
  vitest('test/conformance', '--disable-console-intercept');
}
if (command === 'embedding') {
  process.env.EMBEDDING = args.includes('--write') ? 'write' : 'all';
  vitest('test/embedding', '--disable-console-intercept');
}
if (command === 'soak') {
  process.env.SOAK = 'long';
  vitest('test/soak', '--disable-console-intercept', ...args);
}
const program = ['bench', 'kernels'].includes(command) ? 'dist/bench/main.js' : 'dist/cli/main.js';
process.exit(node([program, command, ...args], 'inherit'));
