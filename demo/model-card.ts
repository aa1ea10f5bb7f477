/** The card of the user's own model: what its file says, what is assumed, and what the user changes. */
import { parsePreprocess } from '../src/preprocess/parse.js';
import { Checkpoint } from './checkpoint.js';
import { current, onModel, useModel } from './current.js';
import { make } from './dom.js';
import { download } from './download.js';
import { isHead } from './file-kind.js';
import type { Facts } from './import-worker.js';
import {
  type Changes,
  formatThresholds,
  metadataOf,
  parseLabels,
  parseThresholds,
  presetNameOf,
  type Settings,
  settingsOf,
} from './model-settings.js';
import { loadModel, type Model, startLoading } from './models.js';
import { page } from './page.js';
import { announce, messageOf, setBusy } from './status.js';
import { structureFields } from './structure.js';

interface Own {
  readonly name: string;
  readonly checkpoint: Checkpoint;
  readonly facts: Facts;
  readonly changes: Changes;
}

/** The own model that is on the page, or on its way to it. */
let own: Own | null = null;
/** The model that `own` was loaded as. */
let loaded: Model | null = null;
/** Labels that came before their model. */
let waiting: { readonly name: string; readonly text: string } | null = null;

const IMAGENET = '/weights/imagenet-1k.txt';
const CUSTOM = 'other';

/**
 * Reads a checkpoint and runs it.
 *
 * @param open gives the file, from the disk or from an address
 * @param all the files that came together
 */
export function openModel(open: () => Promise<File>, name: string, all: readonly File[]): Promise<void> {
  const load = () =>
    startLoading(async (signal) => {
      setBusy('model', `${name}: reading …`);
      const file = await open();
      if (await isHead(file)) return loadModel(file, name, signal);
      const checkpoint = await Checkpoint.open(file, all, signal);
      const next: Own = { name, checkpoint, facts: {}, changes: waitingLabels(checkpoint) };
      return run(next, signal).catch((error: unknown) => {
        checkpoint.close();
        throw error;
      });
    });
  return useModel(load);
}

/** Labels that came before the model are used when they fit it. */
function waitingLabels({ report }: Checkpoint): Changes {
  if (!waiting) return {};
  const { name, text } = waiting;
  waiting = null;
  try {
    return { labels: parseLabels(text, report.config.classes) };
  } catch (error) {
    announce(`${name}: ${messageOf(error)}`);
    return {};
  }
}

async function run(next: Own, signal: AbortSignal): Promise<Model> {
  const { report } = next.checkpoint;
  const bytes = await next.checkpoint.write(metadataOf(report, settingsOf(report, next.changes)), signal);
  const model = await loadModel(bytes, next.name, signal);
  if (own && !own.checkpoint.isOfSameFile(next.checkpoint)) own.checkpoint.close();
  own = next;
  loaded = model;
  return model;
}

/** Takes a file of labels, for the model on the page or for the one that comes next. */
export async function takeLabels(file: File, isWithModel: boolean): Promise<void> {
  const text = await file.text();
  const isTaught = current().model?.base !== undefined;
  if (own && !isWithModel && !isTaught) {
    page.labels.value = text;
    changeLabels();
    return;
  }
  waiting = { name: file.name, text };
  page.modelCard.hidden = false;
  page.modelCardNote.textContent = `${file.name} waits for a model: drop the model, too.`;
  announce(page.modelCardNote.textContent);
}

/** Runs the model again with the changed settings. */
function change(changes: Changes): void {
  if (!own) return;
  const next: Own = { ...own, changes: { ...own.changes, ...changes } };
  own = next;
  void useModel(() => startLoading((signal) => run(next, signal)));
}

/** Reads the file again with what the user says of the network. */
function changeFacts(facts: Facts): void {
  if (!own) return;
  const { checkpoint, ...rest } = own;
  const load = () =>
    startLoading(async (signal) => {
      try {
        return await run({ ...rest, facts, checkpoint: await checkpoint.withFacts(facts, signal) }, signal);
      } catch (error) {
        // The worker goes back to what is on the page.
        await checkpoint.withFacts(rest.facts, new AbortController().signal);
        throw error;
      }
    });
  void useModel(load);
}

/** Shows the error of a field beside it; null: none. */
function showFieldError(field: HTMLElement, place: HTMLElement, error: string | null): void {
  place.textContent = error ?? '';
  field.setAttribute('aria-invalid', String(error !== null));
  if (error) announce(error);
}

/** Parses a field, and changes the model or shows what is wrong. */
function changeField(field: HTMLElement, place: HTMLElement, parse: () => Changes): void {
  try {
    const changes = parse();
    showFieldError(field, place, null);
    change(changes);
  } catch (error) {
    showFieldError(field, place, messageOf(error));
  }
}

const classesOf = (): number => own?.checkpoint.report.config.classes ?? 0;

function changeLabels(): void {
  changeField(page.labels, page.labelsError, () => ({ labels: parseLabels(page.labels.value, classesOf()) }));
}

function changeThresholds(): void {
  const parse = () => ({ thresholds: parseThresholds(page.thresholds.value, classesOf()) });
  changeField(page.thresholds, page.thresholdsError, parse);
}

function changePreset(): void {
  const preset = own?.checkpoint.report.presets[page.preset.value];
  page.preprocessJson.hidden = page.preset.value !== CUSTOM;
  if (preset) change({ preprocess: preset });
}

function changeJson(): void {
  const parse = () => ({ preprocess: parsePreprocess(JSON.parse(page.preprocessJson.value), 'preprocess') });
  changeField(page.preprocessJson, page.preprocessError, parse);
}

function show({ name, checkpoint, facts, changes }: Own): void {
  const { report } = checkpoint;
  const { config, source, metadata, notes } = report;
  const settings = settingsOf(report, changes);
  page.modelCard.hidden = false;
  page.modelForm.hidden = false;
  page.modelCardTitle.textContent = `Your model: ${name}`;
  // The importer's sentences name the options of the command line, which the fields below stand for.
  const sentences = notes.map((note) => note.replace(/ \(--[^)]*\)/g, ''));
  const head = `Read as ${source.format}, names: ${source.scheme}. No code in the file was run.`;
  page.modelCardNote.textContent = [head, ...sentences].join(' ');
  const fields = structureFields(metadata, facts, changeFacts);
  page.structurePanel.hidden = fields.length === 0;
  page.structure.replaceChildren(...fields);
  page.labels.value = (settings.labels.value ?? []).join('\n');
  page.labels.placeholder = `class 0\nclass 1\n… one line for each of ${config.classes} classes`;
  page.labelsImagenet.hidden = config.classes !== 1000;
  page.activation.value = settings.activation.value;
  page.thresholdsField.hidden = settings.activation.value !== 'sigmoid';
  page.thresholds.value = formatThresholds(settings.thresholds.value);
  showPresets(settings, report.presets);
  for (const [place, { origin }] of [
    [page.labelsOrigin, settings.labels],
    [page.activationOrigin, settings.activation],
    [page.preprocessOrigin, settings.preprocess],
    [page.thresholdsOrigin, settings.thresholds],
  ] as const) {
    place.textContent = origin;
    place.className = `origin ${origin === 'assumed' ? 'assumed' : ''}`;
  }
}

function showPresets({ preprocess }: Settings, presets: Checkpoint['report']['presets']): void {
  const name = presetNameOf(preprocess.value, presets);
  const options = [...Object.keys(presets), CUSTOM].map((value) => make('option', { value }, value));
  page.preset.replaceChildren(...options);
  page.preset.value = name ?? CUSTOM;
  page.preprocessJson.value = JSON.stringify(preprocess.value, null, 1);
  page.preprocessJson.hidden = name !== null;
}

async function downloadModel(): Promise<void> {
  if (!own) return;
  const { checkpoint, changes, name } = own;
  const metadata = metadataOf(checkpoint.report, settingsOf(checkpoint.report, changes));
  const bytes = await checkpoint.write(metadata, new AbortController().signal);
  download(bytes, `${name.replace(/\.\w+$/, '')}.safetensors`, 'application/octet-stream');
}

export function listenToModelCard(): void {
  onModel((model) => {
    if (own && model === loaded) return show(own);
    // The card comes back when the teaching ends.
    if (own && model.base === loaded) {
      page.modelCard.hidden = true;
      page.modelForm.hidden = true;
      return;
    }
    own?.checkpoint.close();
    own = null;
    page.modelCard.hidden = waiting === null;
    page.modelForm.hidden = true;
  });
  page.labels.addEventListener('change', changeLabels);
  page.labelsFile.addEventListener('click', () => page.file.click());
  page.labelsImagenet.addEventListener('click', async () => {
    page.labels.value = await (await fetch(IMAGENET)).text();
    changeLabels();
  });
  page.activation.addEventListener('change', () => {
    const { value } = page.activation;
    change({ activation: value === 'sigmoid' || value === 'none' ? value : 'softmax' });
  });
  page.preset.addEventListener('change', changePreset);
  page.preprocessJson.addEventListener('change', changeJson);
  page.thresholds.addEventListener('change', changeThresholds);
  page.downloadModel.addEventListener('click', () => void downloadModel());
  page.modelForm.addEventListener('submit', (event) => event.preventDefault());
}
