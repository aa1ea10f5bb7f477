/** Canonical names in a file's own words: what a tensor that is missing would be called there. */
import { CANONICAL, type Role, SCHEMES } from '../weights/schemes.js';

/** Who writes the names of each scheme, for messages. */
export const SCHEME_SOURCES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    torchvision: 'torchvision, timm, torchxrayvision; efficient_densenet (norm_final)',
    'torchvision-download': "torchvision's and Hugging Face's files of 2017",
    monai: 'MONAI',
    densenet3: 'DenseNet3: andreasveit, ODIN, DICE',
    'dense-trans': 'CIFAR code bases in the manner of kuangliu (which put new features first) and bamos',
    pytorchcv: 'pytorchcv, for ImageNet and CIFAR',
    keras: 'keras.applications, both generations; kernels already OIHW',
  }),
);

/** A canonical name taken apart: `features.denseblock2.denselayer3.norm1.bias` is role norm1, b 2, i 3, leaf bias. */
interface CanonicalParts {
  readonly role: Role;
  readonly b: number;
  readonly i: number;
  readonly leaf: string;
}

/**
 * @param scheme the name of the row that the file's names read best under
 * @param sources canonical name → name in the file, as far as there are any
 * @returns canonical name → the name that the file would use, prefix included; heads and unknown names stay as they are
 */
export function sourceNames(scheme: string, sources: ReadonlyMap<string, string>): (canonical: string) => string {
  const modules = SCHEMES.find(({ name }) => name === scheme)?.modules;
  const spell = (canonical: string): readonly string[] => {
    const parts = partsOf(canonical);
    if (!modules || !parts || parts.role === 'classifier' || parts.role === 'hidden') return [];
    return modules[parts.role].map((template) => `${fill(template, parts)}.${parts.leaf}`);
  };
  const prefix = commonPrefix(sources, spell);
  const inUse = new Set([...sources.values()].map(moduleOf));
  return (canonical) => {
    const spelt = spell(canonical).map((name) => `${prefix}${name}`);
    // Forks differ (norm5, norm_final): the one whose module the file has.
    return spelt.find((name) => inUse.has(moduleOf(name))) ?? spelt[0] ?? canonical;
  };
}

/** What stands before a name of the file that the scheme spells: `module.features.` */
function commonPrefix(sources: ReadonlyMap<string, string>, spell: (canonical: string) => readonly string[]): string {
  for (const [canonical, source] of sources) {
    const spelt = spell(canonical).find((name) => source.endsWith(name));
    if (spelt !== undefined) return source.slice(0, -spelt.length);
  }
  return '';
}

export const moduleOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('.')));

const PATTERNS = Object.keys(CANONICAL)
  .filter((key): key is Role => Object.hasOwn(CANONICAL, key))
  .map((role) => {
    const pattern = CANONICAL[role].replaceAll('.', '\\.').replace(/\{([bi])\}/g, '(?<$1>\\d+)');
    return { role, expression: new RegExp(`^${pattern}\\.(?<leaf>\\w+)$`) };
  });

function partsOf(canonical: string): CanonicalParts | null {
  for (const { role, expression } of PATTERNS) {
    const groups = expression.exec(canonical)?.groups;
    if (groups) return { role, b: Number(groups.b ?? 0), i: Number(groups.i ?? 0), leaf: groups.leaf ?? '' };
  }
  return null;
}

/** `conv{b+1}_block{i}` with its numbers; one without a facts of its own, in `stage{n}.trans{b+1}`, repeats the other. */
function fill(template: string, { b, i }: CanonicalParts): string {
  const own = /\{b[+-]\d\}/.exec(template)?.[0] ?? '{b}';
  return template
    .replace('{n}', own)
    .replace(/\{([bi])([+-]\d)?\}/g, (_, variable, offset) => String((variable === 'b' ? b : i) + Number(offset ?? 0)));
}
