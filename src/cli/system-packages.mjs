/**
 * System packages that the tests use on Debian and Ubuntu besides browsers: the Vulkan loader and a software GPU that
 * has f16. Elsewhere, or without root, what is installed is used and the tests say what they skip.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Mesa before 24 has no usable WebGPU on lavapipe; Debian 12 has a newer one among its backports. */
const WANTED = [
  { package: 'libvulkan1', major: 1, backport: false },
  { package: 'mesa-vulkan-drivers', major: 24, backport: true },
];
const SUITE = 'bookworm-backports';
const BACKPORTS_LIST = '/etc/apt/sources.list.d/densenet-webgpu-backports.list';

/** @param say prints a line of progress */
export function prepareTestSystem(say) {
  if (process.platform !== 'linux') return;
  if (!existsSync('/usr/bin/dpkg-query')) {
    say(`Tests on a software GPU need the Vulkan loader and Mesa's lavapipe; they are skipped where it is missing.`);
    return;
  }
  const missing = WANTED.filter((row) => installedMajor(row.package) < row.major);
  if (missing.length === 0) return;
  const names = missing.map((row) => row.package).join(', ');
  if (process.getuid?.() !== 0) {
    say(`Not installed: ${names}. Tests that need them are skipped; as root they would be installed now.`);
    return;
  }
  const isBookworm = /VERSION_CODENAME=bookworm/.test(readFileSync('/etc/os-release', 'utf8'));
  if (isBookworm) writeFileSync(BACKPORTS_LIST, `deb http://deb.debian.org/debian ${SUITE} main\n`);
  say(`Installing ${names} (once) …`);
  apt(say, ['update']);
  for (const row of missing) {
    const suite = isBookworm && row.backport ? ['-t', SUITE] : [];
    apt(say, ['install', '-y', '--no-install-recommends', ...suite, row.package]);
  }
}

// dpkg's own fields, no template of this language.
const FORMAT = ['db:Status-Status', 'Version'].map((field) => `\${${field}}`).join(' ');

/** The first number of the installed version, 0 when it is not installed. */
function installedMajor(name) {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', FORMAT, name], { encoding: 'utf8' });
  return Number(/^installed (?:\d+:)?(\d+)/.exec(stdout ?? '')?.[1] ?? 0);
}

function apt(say, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
  if (status !== 0) say(`apt-get ${args.join(' ')} failed; tests that need it are skipped`);
}
