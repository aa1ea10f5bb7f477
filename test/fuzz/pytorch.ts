/** Hostile PyTorch files of both kinds: zip archives, and the stream of pickles of old. */
import { concatenate, mutateBytes } from './bytes.js';
import { disassemble, mutatePickle } from './pickle.js';
import type { Random } from './random.js';
import { lieInRecords, mutateMembers, openArchive, writeArchive } from './zip.js';

/** @returns a maker of variations of this file, which is a zip archive */
export function zipMaker(file: Uint8Array): (random: Random) => Uint8Array {
  const members = openArchive(file);
  const pickle = Object.keys(members).find((name) => name.endsWith('data.pkl')) ?? '';
  const { instructions } = disassemble(members[pickle] ?? new Uint8Array(0), 1);
  return (random) => {
    switch (random.below(8)) {
      case 0:
        return mutateBytes(file, random);
      case 1:
        return writeArchive(mutateMembers(members, random), random);
      case 2:
      case 3:
        return lieInRecords(file, random);
      default:
        return writeArchive({ ...members, [pickle]: mutatePickle(instructions, random) }, random);
    }
  };
}

/** Magic number, protocol, system, the object, the storages' keys; then the storages. */
const LEGACY_PICKLES = 5;

/** @returns a maker of variations of this file, which is in the format before torch 1.6 */
export function legacyMaker(file: Uint8Array): (random: Random) => Uint8Array {
  const { instructions, length } = disassemble(file, LEGACY_PICKLES);
  const storages = file.subarray(length);
  return (random) => {
    if (random.once(4)) return mutateBytes(file, random);
    const data = random.once(6) ? mutateBytes(storages, random) : storages;
    return concatenate(mutatePickle(instructions, random), data);
  };
}
