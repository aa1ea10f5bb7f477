/**
 * The browsers and the software GPU that `npm test` uses besides npm's packages, from Debian's and Ubuntu's packages.
 * Installs nothing without root, and on a terminal nothing without asking.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';

const SUITE = 'bookworm-backports';
const BACKPORTS = `echo 'deb http://deb.debian.org/debian ${SUITE} main' > /etc/apt/sources.list.d/densenet-webgpu-backports.list`;
const INSTALL = 'apt-get install -qq -y --no-install-recommends';

const UBUNTU =
  ' Ubuntu has the browsers as snaps only: install Chrome from google.com/chrome and Firefox from mozilla.org/firefox.';

const CHROMES = ['google-chrome-stable', 'google-chrome', 'chromium', 'chromium-browser', 'microsoft-edge'];

/** Mesa before 24 has no usable WebGPU on lavapipe; Debian 12 has a newer one among its backports. */
const WANTED = [
  { package: 'chromium', use: 'tests in Chrome', isInstalled: () => hasBrowser(CHROMES), isSnapOnUbuntu: true },
  {
    package: 'firefox-esr',
    use: 'tests in Firefox',
    isInstalled: () => hasBrowser(['firefox-esr', 'firefox']),
    isSnapOnUbuntu: true,
  },
  { package: 'libvulkan1', use: 'tests on lavapipe', isInstalled: () => installedMajor('libvulkan1') >= 1 },
  {
    package: 'mesa-vulkan-drivers',
    use: 'tests on lavapipe',
    isInstalled: () => installedMajor('mesa-vulkan-drivers') >= 24,
    isBackport: true,
  },
];

/**
 * @param {(line: string) => void} say prints a line
 * @param {{ noInstall: boolean, osRelease?: string }} options `osRelease`: the content of /etc/os-release
 */
export async function prepareTestSystem(say, { noInstall, osRelease = readOsRelease() }) {
  if (process.platform !== 'linux') return;
  const missing = WANTED.filter((row) => !row.isInstalled());
  if (missing.length === 0) return;
  const isUbuntu = /^ID=ubuntu$/m.test(osRelease);
  const installable = missing.filter((row) => !(isUbuntu && row.isSnapOnUbuntu));
  const commands = commandsFor(installable, /^VERSION_CODENAME=bookworm$/m.test(osRelease));
  const list = commands.map((command) => `  ${command}`).join('\n');
  const names = missing.map((row) => `${row.package} (${row.use})`).join(', ');
  const what = `Not installed: ${names}.${installable.length < missing.length ? UBUNTU : ''}`;
  const skipped = 'The tests that need them are skipped.';
  if (!onPath('apt-get') || commands.length === 0) return say(`${what} ${skipped}`);
  if (noInstall) return say(`${what} ${skipped} Nothing is installed (--no-install). The commands would be:\n${list}`);
  if (process.getuid?.() !== 0) return say(`${what} ${skipped} To run them, install as root:\n${list}`);
  if (process.stdin.isTTY && process.stderr.isTTY) {
    say(`${what} To install, system-wide:\n${list}`);
    if (!(await confirm('Run these commands now? [Y/n] '))) return say(skipped);
  } else {
    const packages = installable.map((row) => row.package).join(', ');
    say(`${what} Installing ${packages} system-wide with apt-get; "npm test -- --no-install" would skip their tests.`);
  }
  for (const command of commands) run(say, command);
}

/** Shell commands, for the user to read and for {@link run}. */
function commandsFor(rows, isBookworm) {
  const namesOf = (isBackport) =>
    rows.filter((row) => (isBookworm && row.isBackport === true) === isBackport).map((row) => row.package);
  const [standard, backports] = [namesOf(false), namesOf(true)];
  const installs = [
    ...(standard.length > 0 ? [`${INSTALL} ${standard.join(' ')}`] : []),
    ...(backports.length > 0 ? [`${INSTALL} -t ${SUITE} ${backports.join(' ')}`] : []),
  ];
  if (installs.length === 0) return [];
  return [...(backports.length > 0 ? [BACKPORTS] : []), 'apt-get update -qq', ...installs];
}

/** Enter means yes; the end of the input (Ctrl+D) means no. */
async function confirm(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = once(terminal, 'close').then(() => 'no');
  const answer = await Promise.race([terminal.question(question), ended]);
  terminal.close();
  return /^\s*(y|yes)?\s*$/i.test(answer);
}

function run(say, command) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'], env });
  if (status !== 0) say(`"${command}" failed; the tests that need it are skipped`);
}

function readOsRelease() {
  return existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
}

const onPath = (name) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, name)));

/** Like `findBrowser` of installed-browsers.ts, for Linux. */
function hasBrowser(names) {
  const chosen = process.env.PUPPETEER_EXECUTABLE_PATH ?? '';
  return names.some(onPath) || (existsSync(chosen) && chosen.includes('firefox') === names.includes('firefox'));
}

// dpkg's own fields, no template of this language.
const FORMAT = ['db:Status-Status', 'Version'].map((field) => `\${${field}}`).join(' ');

/** The first number of the installed version, 0 when it is not installed. */
function installedMajor(name) {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', FORMAT, name], { encoding: 'utf8' });
  return Number(/^installed (?:\d+:)?(\d+)/.exec(stdout ?? '')?.[1] ?? 0);
}
