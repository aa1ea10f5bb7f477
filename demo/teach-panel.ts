/** The panel in which the user teaches classes: a card for each with its examples, and buttons to save and to share. */
import { isLive, startLive } from './camera.js';
import { current, onAnswer, onModel } from './current.js';
import { make } from './dom.js';
import { download } from './download.js';
import { describeUnreadable } from './file-kind.js';
import { percent } from './format.js';
import { page } from './page.js';
import { announce, attempt, messageOf } from './status.js';
import { Lesson, newClasses, type TaughtClass, type TaughtExample } from './teach.js';
import { paint } from './viewer.js';

const MOST_CLASSES = 5;
/** Milliseconds between two frames while the button is held. */
const FRAME_MS = 250;
const THUMBNAIL = 48;
/** The latest examples are shown, the others counted. */
const MOST_THUMBNAILS = 12;
/** The best classes that are shown in the panel. */
const MOST_BARS = 3;
const FILE = 'my-classes.safetensors';

let lesson: Lesson | null = null;
/** They outlive a lesson: another model may be taught with them. */
const classes = newClasses();
/** Examples in the file that was saved last. */
let saved = 0;

const countExamples = (): number => classes.reduce((count, { examples }) => count + examples.length, 0);

function start(): void {
  const { model } = current();
  if (!model) return;
  lesson = new Lesson(model, classes, { onChange: render, onNote: note, onEnd: end });
  page.teachBody.hidden = false;
  page.teachStart.hidden = true;
  render();
  showLive();
  if (countExamples() > 0) lesson.start();
  else note('Two classes are needed: name them, and give each a few examples.');
  page.teachClasses.querySelector('input')?.select();
}

function end(): void {
  lesson = null;
  const hadFocus = page.teachBody.contains(document.activeElement);
  page.teachBody.hidden = true;
  page.teachStart.hidden = false;
  const count = countExamples();
  page.teachStart.textContent = count > 0 ? `Teach with your ${count} examples` : 'Start teaching';
  if (hadFocus) page.teachStart.focus();
}

/** Says it once, however many examples come. */
function note(text: string): void {
  if (text === page.teachNote.textContent) return;
  page.teachNote.textContent = text;
  announce(text);
}

function render(): void {
  if (!lesson) return;
  // A card that exists stays, so that the focus and a held button stay.
  const shown = classes.map((taught) => cardOf(taught));
  const isSame = shown.every((card, c) => page.teachClasses.children[c] === card.element);
  if (!isSame || page.teachClasses.children.length !== shown.length) {
    page.teachClasses.replaceChildren(...shown.map(({ element }) => element));
  }
  for (const card of shown) card.update();
  page.teachAdd.disabled = classes.filter(({ isNone }) => !isNone).length >= MOST_CLASSES;
  page.teachNone.disabled = classes.some(({ isNone }) => isNone);
  page.teachSave.disabled = lesson.network === null;
  page.teachShare.disabled = lesson.network === null;
}

/** The picture with its map and the best classes, since the panel of the picture is out of sight on a phone. */
function showLive(): void {
  const { view, predictions, model } = current();
  const context = page.teachView.getContext('2d');
  if (!lesson || !view || !context) return;
  const { width, height } = page.teachView;
  context.clearRect(0, 0, width, height);
  paint(context, width, height, { ...view, isLive: false });
  page.teachView.classList.toggle('mirrored', page.viewBox.classList.contains('mirrored'));
  // The answers of the network before are to other classes.
  const best = model?.net === lesson.network ? predictions.slice(0, MOST_BARS) : [];
  page.teachAnswer.replaceChildren(
    ...best.map(({ label, probability }) => {
      const bar = make('span', { className: 'bar' });
      bar.style.inlineSize = percent(probability).replace(' ', '');
      const figure = make('span', { className: 'figure' }, percent(probability));
      return make('li', {}, make('span', {}, label), figure, make('span', { className: 'track' }, bar));
    }),
  );
}

interface Card {
  readonly element: HTMLLIElement;
  update(): void;
}

const cards = new WeakMap<TaughtClass, Card>();

function cardOf(taught: TaughtClass): Card {
  const known = cards.get(taught);
  if (known) return known;
  const name = make('input', { type: 'text', value: taught.name, maxLength: 40, ariaLabel: 'Name of the class' });
  name.disabled = taught.isNone;
  name.addEventListener('change', () => {
    lesson?.rename(taught, name.value);
    name.value = taught.name;
  });
  const count = make('p', { className: 'note' });
  const thumbnails = make('ul', { className: 'thumbnails' });
  const hold = make('button', { type: 'button', className: 'hold' }, 'Hold to add from the camera');
  listenToHold(hold, () => addFrame(taught));
  const choose = make('button', { type: 'button' }, 'Add pictures');
  const files = make('input', { type: 'file', accept: 'image/*', multiple: true, hidden: true });
  choose.addEventListener('click', () => files.click());
  files.addEventListener('change', () => {
    void addFiles(taught, [...(files.files ?? [])]);
    files.value = '';
  });
  const shown = make('button', { type: 'button' }, 'Add the picture above');
  shown.addEventListener('click', () => void addShown(taught));
  const remove = make('button', { type: 'button', ariaLabel: `Remove the class ${taught.name}` }, 'Remove');
  remove.addEventListener('click', () => {
    lesson?.removeClass(taught);
    (taught.isNone ? page.teachNone : page.teachAdd).focus();
  });
  const actions = make('div', { className: 'actions' }, hold, choose, files, shown, remove);
  const element = make('li', { className: 'class-card' }, name, count, actions, thumbnails);
  listenToDrops(element, (dropped) => void addFiles(taught, dropped));
  const items = new Map<TaughtExample, HTMLLIElement>();
  const itemOf = (example: TaughtExample): HTMLLIElement => {
    const button = make('button', { type: 'button' }, thumbnailOf(example.bitmap));
    const item = make('li', {}, button);
    button.addEventListener('click', () => {
      const index = [...thumbnails.children].indexOf(item);
      lesson?.removeExample(taught, example);
      // The focus goes to the next example, or where there are more to be had.
      (thumbnails.querySelectorAll('button')[Math.min(index, thumbnails.children.length - 1)] ?? choose).focus();
    });
    return item;
  };
  const card: Card = {
    element,
    update() {
      const { examples } = taught;
      count.textContent = `${examples.length} ${examples.length === 1 ? 'example' : 'examples'}`;
      remove.ariaLabel = `Remove the class ${taught.name}`;
      const shown = examples.slice(-MOST_THUMBNAILS);
      for (const [example, item] of items) {
        if (shown.includes(example)) continue;
        item.remove();
        items.delete(example);
      }
      // An item that exists stays where it is, so that the focus stays.
      for (const [e, example] of shown.entries()) {
        const item = items.get(example) ?? itemOf(example);
        items.set(example, item);
        if (thumbnails.children[e] !== item) thumbnails.insertBefore(item, thumbnails.children[e] ?? null);
        const number = examples.length - shown.length + e + 1;
        item.firstElementChild?.setAttribute('aria-label', `Remove example ${number} of ${taught.name}`);
      }
    },
  };
  cards.set(taught, card);
  return card;
}

function thumbnailOf(bitmap: ImageBitmap): HTMLCanvasElement {
  const canvas = make('canvas', { width: THUMBNAIL, height: THUMBNAIL, ariaHidden: 'true' });
  const scale = THUMBNAIL / Math.min(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  canvas.getContext('2d')?.drawImage(bitmap, (THUMBNAIL - width) / 2, (THUMBNAIL - height) / 2, width, height);
  return canvas;
}

/** Calls `onTick` at once and then again and again, as long as the button is held by pointer or keyboard. */
function listenToHold(button: HTMLButtonElement, onTick: () => Promise<void>): void {
  let isHeld = false;
  const begin = async () => {
    if (isHeld) return;
    isHeld = true;
    button.setAttribute('aria-pressed', 'true');
    while (isHeld && button.isConnected) {
      await onTick().catch((error: unknown) => note(messageOf(error)));
      await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    }
    release();
  };
  const release = () => {
    isHeld = false;
    button.setAttribute('aria-pressed', 'false');
  };
  button.addEventListener('pointerdown', (event) => {
    button.setPointerCapture(event.pointerId);
    void begin();
  });
  for (const type of ['pointerup', 'pointercancel', 'lostpointercapture', 'blur', 'keyup'] as const) {
    button.addEventListener(type, release);
  }
  button.addEventListener('keydown', (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    void begin();
  });
  // Firefox makes a click of Space when it goes up.
  button.addEventListener('keyup', (event) => event.preventDefault());
  // A screen reader presses the button without holding it: one frame.
  button.addEventListener('click', ({ detail }) => {
    if (detail === 0) void onTick().catch((error: unknown) => note(messageOf(error)));
  });
  // A long press on a phone opens a menu.
  button.addEventListener('contextmenu', (event) => event.preventDefault());
}

/** Files that are dropped on the card, or pasted while the focus is in it, are examples, and nothing else. */
function listenToDrops(card: HTMLElement, onFiles: (files: readonly File[]) => void): void {
  card.addEventListener('dragover', (event) => {
    event.preventDefault();
    event.stopPropagation();
    page.drop.hidden = true;
    card.classList.add('target');
  });
  card.addEventListener('dragleave', () => card.classList.remove('target'));
  card.addEventListener('drop', (event) => {
    card.classList.remove('target');
    event.preventDefault();
    event.stopPropagation();
    page.drop.hidden = true;
    onFiles([...(event.dataTransfer?.files ?? [])]);
  });
  card.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.stopPropagation();
    onFiles(files);
  });
}

async function addFiles(taught: TaughtClass, files: readonly File[]): Promise<void> {
  for (const file of files) {
    try {
      await lesson?.add(taught, file);
    } catch {
      note(`${file.name} ${await describeUnreadable(file)}. It was left out.`);
    }
  }
}

async function addFrame(taught: TaughtClass): Promise<void> {
  if (!isLive()) await startLive();
  if (isLive() && page.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) await lesson?.add(taught, page.video);
}

async function addShown(taught: TaughtClass): Promise<void> {
  const { view } = current();
  if (!view) return note('There is no picture yet.');
  await lesson?.add(taught, view.bitmap).catch((error: unknown) => note(messageOf(error)));
}

/** The new class wants a name. */
function addClass(): void {
  lesson?.addClass(false);
  const name = [...page.teachClasses.querySelectorAll<HTMLInputElement>('input[type="text"]:enabled')].at(-1);
  name?.focus();
  name?.select();
}

function addNone(): void {
  lesson?.addClass(true);
  page.teachClasses.lastElementChild?.querySelector('button')?.focus();
}

async function modelFile(): Promise<File | null> {
  const bytes = await lesson?.network?.toSafetensors();
  return bytes ? new File([bytes], FILE, { type: 'application/octet-stream' }) : null;
}

async function save(): Promise<void> {
  const file = await modelFile();
  if (!file) return;
  download(file, FILE, file.type);
  saved = countExamples();
  note(`${FILE} was saved. Drop it on this page to use it again.`);
}

/** By the device's own means where it has some; else says how a link is made, which works for any file of the web. */
async function share(): Promise<void> {
  const file = await modelFile();
  if (!file) return;
  if (navigator.canShare?.({ files: [file] })) {
    await navigator.share({ files: [file], title: 'My classes' }).catch(() => undefined);
    return;
  }
  download(file, FILE, file.type);
  saved = countExamples();
  const link = `${location.origin}${location.pathname}?model=ADDRESS-OF-THE-FILE`;
  const own = /^(localhost|127\.0\.0\.1)$/.test(location.hostname)
    ? ' This page is on your own computer: others start theirs with "npx densenet-webgpu serve".'
    : '';
  note(
    `${FILE} was saved. Put it where other pages may read it (Hugging Face, GitHub Pages), and share ${link}.${own}`,
  );
}

export function listenToTeaching(): void {
  page.teachStart.disabled = true;
  onModel(() => {
    page.teachStart.disabled = false;
  });
  onAnswer(showLive);
  page.teachStart.addEventListener('click', start);
  page.teachAdd.addEventListener('click', addClass);
  page.teachNone.addEventListener('click', addNone);
  page.teachSave.addEventListener('click', () => void attempt('model', save, () => void save()));
  page.teachShare.addEventListener('click', () => void attempt('model', share, () => void share()));
  page.teachStop.addEventListener('click', () => lesson?.stop());
  addEventListener('beforeunload', (event) => {
    if (countExamples() !== saved) event.preventDefault();
  });
}
