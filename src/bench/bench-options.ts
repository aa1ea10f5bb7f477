/** The values of the options of `bench`. */
import { oneOf, UsageError } from '../cli/command.js';
import { findDriver } from '../cli/dawn.js';
import { DISGUISES, type Disguise } from './disguise.js';
import { isPeerName, PEERS, type PeerName, peerRow } from './peer.js';
import type { Backend } from './run-case.js';

export const DRIVERS = ['lavapipe', 'swiftshader'] as const;

/** What `--as gpu` presents: the commonest GPU. */
const COMMONEST: Disguise = 'intel';
export const PRESENTED = ['gpu', ...DISGUISES] as const;

export function disguiseOf(text: string | undefined): { readonly as?: Disguise } {
  const as = oneOf('as', text, PRESENTED);
  return as === undefined ? {} : { as: as === 'gpu' ? COMMONEST : as };
}

export type Format = 'text' | 'json' | 'markdown';

export function formatOf({
  json,
  markdown,
}: {
  readonly json?: boolean | undefined;
  readonly markdown?: boolean | undefined;
}): Format {
  if (json && markdown) throw new UsageError('--json and --markdown cannot be combined: choose one');
  return json ? 'json' : markdown ? 'markdown' : 'text';
}

/** @throws UsageError for a name that is not a peer of this backend */
export function peersOf(text: string | undefined, backend: Backend): PeerName[] {
  const place = backend === 'node' ? 'node' : 'browser';
  const names = Object.keys(PEERS).filter(isPeerName);
  const here = names.filter((name) => peerRow(name).backends.includes(place));
  if (text === undefined) return here.filter((name) => peerRow(name).standard);
  const asked = text.split(',').map((name) => name.trim());
  const unknown = asked.find((name) => !here.some((known) => known === name));
  if (unknown !== undefined)
    throw new UsageError(`--peers: there is no ${unknown} on ${backend}; choose from ${here.join(', ')}`);
  return here.filter((name) => asked.includes(name));
}

export function driverOf(name: string | undefined): { readonly env?: Readonly<Record<string, string>> } {
  const driver = oneOf('driver', name, DRIVERS);
  if (driver === undefined) return {};
  const manifest = findDriver(driver);
  if (manifest === null) throw new UsageError(`--driver is ${driver}, which is not installed`);
  return { env: { VK_ICD_FILENAMES: manifest } };
}
