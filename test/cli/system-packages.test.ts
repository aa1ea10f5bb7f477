/** What `npm test` does about missing system packages. Package managers and shell are replaced by scripts that log. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BIN = mkdtempSync(join(tmpdir(), 'densenet-webgpu-bin-'));
const LOG = join(BIN, 'log');
afterAll(() => rmSync(BIN, { recursive: true }));

const BOOKWORM = 'ID=debian\nVERSION_CODENAME=bookworm\n';
const TRIXIE = 'ID=debian\nVERSION_CODENAME=trixie\n';
const UBUNTU = 'ID=ubuntu\nVERSION_CODENAME=noble\n';

/** A command that logs its arguments and succeeds. */
function fake(name: string): void {
  // Without PATH, only the shell's own commands.
  writeFileSync(join(BIN, name), `#!/bin/sh\necho "${name} $*" >> '${LOG}'\n`);
  chmodSync(join(BIN, name), 0o755);
}

const log = (): string[] => (existsSync(LOG) ? readFileSync(LOG, 'utf8').trimEnd().split('\n') : []);
const executed = (): string[] => log().flatMap((line) => line.match(/^sh -c (.*)$/)?.[1] ?? []);

beforeEach(() => {
  rmSync(LOG, { force: true });
  for (const name of ['apt-get', 'dpkg-query', 'sh']) fake(name);
});

interface Situation {
  readonly isRoot: boolean;
  /** What is typed at the question; null where there is no terminal. */
  readonly typed: string | null;
  readonly noInstall: boolean;
  readonly osRelease: string;
}

const AS_ROOT: Situation = { isRoot: true, typed: null, noInstall: false, osRelease: TRIXIE };

/** Runs the preparation in a process of its own, on a computer with nothing installed, and returns what it prints. */
function prepare({ isRoot, typed, noInstall, osRelease }: Situation): string {
  const script = `
    import { prepareTestSystem } from '${ROOT}src/cli/system-packages.mjs';
    process.getuid = () => ${isRoot ? 0 : 1000};
    Object.defineProperty(process, 'platform', { value: 'linux' });
    process.stdin.isTTY = process.stderr.isTTY = ${typed !== null};
    await prepareTestSystem((line) => process.stderr.write(line + '\\n'), ${JSON.stringify({ noInstall, osRelease })});`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { PATH: BIN },
    input: typed ?? '',
  });
  expect(status, stderr).toBe(0);
  return stderr;
}

const INSTALL = 'apt-get install -qq -y --no-install-recommends';
const ALL = ['apt-get update -qq', `${INSTALL} chromium firefox-esr libvulkan1 mesa-vulkan-drivers`];

describe('npm test with system packages missing', () => {
  it('names each package and what it is for', () => {
    expect(prepare(AS_ROOT)).toMatch(
      /^Not installed: chromium \(tests in Chrome\), firefox-esr \(tests in Firefox\), libvulkan1 \(tests on lavapipe\), /,
    );
  });

  it('without a terminal, says in one line that it installs, and installs', () => {
    const said = prepare(AS_ROOT);
    expect(said.trimEnd().split('\n')).toHaveLength(1);
    expect(said).toMatch(/Installing chromium, .* system-wide with apt-get; "npm test -- --no-install" would skip/);
    expect(executed()).toEqual(ALL);
  });

  it.each(['\n', 'y\n', 'YES\n'])('on a terminal, asks once and takes %j for yes', (typed) => {
    const said = prepare({ ...AS_ROOT, typed });
    expect(said.match(/\[Y\/n\]/g)).toHaveLength(1);
    for (const command of ALL) expect(said).toContain(`\n  ${command}\n`);
    expect(executed()).toEqual(ALL);
  });

  it.each(['n\n', 'no\n', ''])('on a terminal, installs nothing after %j', (typed) => {
    expect(prepare({ ...AS_ROOT, typed })).toMatch(/The tests that need them are skipped\.\n$/);
    expect(executed()).toEqual([]);
  });

  it.each([null, '\n'])('with --no-install, prints the commands and runs none (typed: %j)', (typed) => {
    const said = prepare({ ...AS_ROOT, typed, noInstall: true });
    expect(said).toContain(`The commands would be:\n${ALL.map((command) => `  ${command}\n`).join('')}`);
    expect(executed()).toEqual([]);
  });

  it.each([null, '\n'])('as an ordinary user, prints the commands and runs none (typed: %j)', (typed) => {
    const said = prepare({ ...AS_ROOT, isRoot: false, typed });
    expect(said).toContain(`The tests that need them are skipped. To run them, install as root:\n  ${ALL[0]}\n`);
    expect(executed()).toEqual([]);
  });

  it('on Debian 12, takes Mesa from the backports', () => {
    prepare({ ...AS_ROOT, osRelease: BOOKWORM });
    expect(executed()).toEqual([
      expect.stringMatching(/^echo 'deb .* bookworm-backports main' > \/etc\/apt\/sources\.list\.d\//),
      'apt-get update -qq',
      `${INSTALL} chromium firefox-esr libvulkan1`,
      `${INSTALL} -t bookworm-backports mesa-vulkan-drivers`,
    ]);
  });

  it('on Ubuntu, leaves the browsers out and says where to get them', () => {
    expect(prepare({ ...AS_ROOT, osRelease: UBUNTU })).toMatch(/snaps only: install Chrome from google\.com\/chrome/);
    expect(executed()).toEqual(['apt-get update -qq', `${INSTALL} libvulkan1 mesa-vulkan-drivers`]);
  });

  it('without apt-get, runs nothing', () => {
    rmSync(join(BIN, 'apt-get'));
    expect(prepare(AS_ROOT)).toMatch(/^Not installed: .* are skipped\.\n$/);
    expect(executed()).toEqual([]);
  });

  it('installs only what is missing, and says nothing when nothing is', () => {
    for (const browser of ['google-chrome', 'firefox']) fake(browser);
    try {
      expect(prepare(AS_ROOT)).not.toMatch(/chromium|firefox/);
      expect(executed()).toEqual(['apt-get update -qq', `${INSTALL} libvulkan1 mesa-vulkan-drivers`]);
      writeFileSync(join(BIN, 'dpkg-query'), '#!/bin/sh\necho installed 25.0.7-2\n');
      expect(prepare(AS_ROOT)).toBe('');
    } finally {
      for (const browser of ['google-chrome', 'firefox']) rmSync(join(BIN, browser));
    }
  });
});

describe('npm run classify', () => {
  it('does not look for system packages', () => {
    const args = [join(ROOT, 'src/cli/setup.mjs'), 'classify', '--help'];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env: { PATH: BIN } });
    expect([status, stdout.slice(0, 24)]).toEqual([0, 'densenet-webgpu classify']);
    expect(log()).toEqual([]);
  });
});
