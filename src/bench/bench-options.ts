/** The values of the options of `bench`. */
import { oneOf, positive, UsageError } from '../cli/command.js';
import { findDriver } from '../cli/dawn.js';
import { FAMILY } from '../model/family.js';
import { TINY } from './case-files.js';
import { DISGUISES, type Disguise } from './disguise.js';
import { isPeerName, PEERS, type PeerName, peerRow } from './peer.js';
import type { PicturesOptions } from './pictures/pictures.js';
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

const PICTURE_COUNT = '500';

/** @throws UsageError for a backend, a model or a peer that `--pictures` does not know */
export function picturesOptions(values: {
  readonly backend?: string | undefined;
  readonly cases?: string | undefined;
  readonly count?: string | undefined;
  readonly peers?: string | undefined;
}): PicturesOptions {
  const count = positive('count', values.count ?? PICTURE_COUNT);
  if (!Number.isInteger(count)) throw new UsageError(`--count is ${values.count}; it must be a whole number`);
  const model = values.cases ?? 'densenet121';
  if (model !== TINY && FAMILY[model]?.stem !== 'imagenet')
    throw new UsageError(`--cases is ${model}; with --pictures it must be ${TINY} or one of the family for ImageNet`);
  const peer = oneOf('peers', values.peers, ['ours', 'transformers.js']);
  return {
    backend: oneOf('backend', values.backend, ['chrome', 'firefox']) ?? 'chrome',
    libraries: peer === 'ours' ? ['ours'] : ['ours', 'transformers.js'],
    ...{ model, count },
  };
}
