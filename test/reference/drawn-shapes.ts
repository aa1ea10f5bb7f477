/** Drawn pictures of shapes, seeded: classes that no model was trained on, for tests of teaching. */
import { random } from '../kernels/harness.js';

/** Whether a point belongs to the shape; x and y from its centre, in units of its radius. */
const SHAPES = {
  disc: (x: number, y: number) => x * x + y * y < 1,
  ring: (x: number, y: number) => x * x + y * y < 1 && x * x + y * y > 0.36,
  square: (x: number, y: number) => Math.max(Math.abs(x), Math.abs(y)) < 0.85,
  triangle: (x: number, y: number) => y < 0.75 && y > 2 * Math.abs(x) - 1,
  cross: (x: number, y: number) => Math.min(Math.abs(x), Math.abs(y)) < 0.3 && Math.max(Math.abs(x), Math.abs(y)) < 1,
} as const;

export type ShapeName = keyof typeof SHAPES;
export const SHAPE_NAMES: readonly ShapeName[] = ['disc', 'ring', 'square', 'triangle', 'cross'];

export interface DrawnPicture {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

/**
 * A shape of one colour on a ground of another, with noise; place, size, colours and noise by the seed. The edges are
 * hard.
 */
export function drawShape(name: ShapeName, seed: number, side = 64): DrawnPicture {
  const next = random(1000 * SHAPE_NAMES.indexOf(name) + seed + 1);
  const isInside = SHAPES[name];
  // Dark on light or light on dark, so that the shape can be seen.
  const isDark = next() > 0;
  const colour = (dark: boolean) => [0, 1, 2].map(() => (dark ? 70 : 190) + 60 * next());
  const [ink, ground] = [colour(isDark), colour(!isDark)];
  const radius = side * (0.33 + 0.1 * next());
  const [cx, cy] = [side * (0.5 + 0.1 * next()), side * (0.5 + 0.1 * next())];
  const data = new Uint8Array(4 * side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const paint = isInside((x - cx) / radius, (y - cy) / radius) ? ink : ground;
      const at = 4 * (y * side + x);
      for (let c = 0; c < 3; c++) data[at + c] = Math.max(0, Math.min(255, (paint[c] ?? 0) + 12 * next()));
      data[at + 3] = 255;
    }
  }
  return { data, width: side, height: side };
}
