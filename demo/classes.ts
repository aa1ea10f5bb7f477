/** Shows which classes the network knows. A chip shows the map of its class, also when the class is not among the best. */
import type { DenseNet } from 'densenet-webgpu';
import { make } from './dom.js';
import { page } from './page.js';

/** More classes than this are a list to read, not buttons. */
const MOST_CHIPS = 40;

export function showClasses({ config, labels, metadata }: DenseNet, onChoose: (classIndex: number) => void): void {
  const { classes } = config;
  page.classesTitle.textContent = `It knows ${classes.toLocaleString('en')} ${classes === 1 ? 'class' : 'classes'}`;
  page.classesPanel.hidden = false;
  const names = Array.from({ length: classes }, (_, index) => labels?.[index] ?? `class ${index}`);
  const isLong = names.length > MOST_CHIPS;
  // A multi-label model lists all its classes above.
  page.classesPanel.open = !isLong && metadata.activation !== 'sigmoid';
  const chips = names.map((name, index) => {
    const button = make('button', { type: 'button', title: `Show the evidence for ${name}` }, name);
    button.addEventListener('click', () => onChoose(index));
    return make('li', {}, button);
  });
  page.classes.replaceChildren(...(isLong ? [make('li', {}, names.join(', '))] : chips));
}
