/**
 * System packages that the tests use on Debian and Ubuntu: two browsers and two software GPUs. Elsewhere, or without
 * root, what is installed is used and the tests say what they skip.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** What provides each thing, and a file that is there when it is. */
const WANTED = [
  { package: 'chromium', provides: ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'] },
  { package: 'firefox-esr', provides: ['/usr/bin/firefox-esr', '/usr/bin/firefox'] },
  {
    package: 'libvulkan1',
    provides: ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', '/usr/lib/aarch64-linux-gnu/libvulkan.so.1'],
  },
  {
    package: 'mesa-vulkan-drivers',
    provides: ['/usr/share/vulkan/icd.d/lvp_icd.json', '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'],
  },
];

/** Mesa before 24 has no usable WebGPU on lavapipe; Debian 12 has a newer one among its backports. */
const BACKPORTS = { release: 'bookworm', suite: 'bookworm-backports', packages: ['mesa-vulkan-drivers'] };
const BACKPORTS_LIST = '/etc/apt/sources.list.d/densenet-webgpu-backports.list';

/** @param say prints a line of progress */
export function prepareTestSystem(say) {
  const missing = WANTED.filter(({ provides }) => !provides.some((path) => existsSync(path))).map((row) => row.package);
  if (missing.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get') || !isRoot) {
    say(
      `Not installed: ${missing.join(', ')}. Tests that need them are skipped; as root on Debian or Ubuntu they are installed.`,
    );
    return;
  }
  const backports = /VERSION_CODENAME=bookworm/.test(readFileSync('/etc/os-release', 'utf8'));
  if (backports) writeFileSync(BACKPORTS_LIST, `deb http://deb.debian.org/debian ${BACKPORTS.suite} main\n`);
  apt(say, ['update']);
  for (const name of missing) {
    say(`Installing ${name} …`);
    const source = backports && BACKPORTS.packages.includes(name) ? ['-t', BACKPORTS.suite] : [];
    apt(say, ['install', '-y', '--no-install-recommends', ...source, name]);
  }
}

function apt(say, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
  if (status !== 0) say(`apt-get ${args.join(' ')} failed; tests that need it are skipped`);
}
