/** Drawn pictures as JPEG files, the same on every run. */
import sharp from 'sharp';
import { seededUniform } from '../random-model.js';

export const WIDTH = 500;
export const HEIGHT = 375;
/** What cameras and web sites commonly use. */
const QUALITY = 90;
const SHAPES = 40;
const GRAIN = 40;

/** JPEGs of {@link WIDTH} × {@link HEIGHT}: a gradient, shapes and grain, about as many bytes as photographs have. */
export async function drawnJpegs(count: number): Promise<Uint8Array<ArrayBuffer>[]> {
  const files: Uint8Array<ArrayBuffer>[] = [];
  for (let seed = 0; seed < count; seed++) {
    const next = seededUniform(seed);
    const picture = sharp(Buffer.from(drawing(next)));
    const values = Buffer.from(Array.from({ length: WIDTH * HEIGHT }, () => 128 + GRAIN * (next() + next() - 1)));
    const grain = { input: values, raw: { width: WIDTH, height: HEIGHT, channels: 1 }, blend: 'soft-light' } as const;
    picture.composite([grain]).flatten();
    files.push(new Uint8Array(await picture.jpeg({ quality: QUALITY }).toBuffer()));
  }
  return files;
}

/** An SVG of random shapes. @param next numbers from 0 to 1 */
function drawing(next: () => number): string {
  const below = (limit: number) => Math.floor(limit * next());
  const colour = () => `hsl(${below(360)} ${30 + below(60)}% ${20 + below(60)}%)`;
  const shapes = Array.from({ length: SHAPES }, (_, i) => {
    const [x, y, size] = [below(WIDTH), below(HEIGHT), 10 + below(90)];
    const look = `fill="${colour()}" fill-opacity="${(0.4 + 0.6 * next()).toFixed(2)}"`;
    return i % 2 === 0
      ? `<ellipse cx="${x}" cy="${y}" rx="${size}" ry="${10 + below(60)}" ${look}/>`
      : `<rect x="${x}" y="${y}" width="${size}" height="${10 + below(90)}" transform="rotate(${below(90)} ${x} ${y})" ${look}/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
    <linearGradient id="g"><stop stop-color="${colour()}"/><stop offset="1" stop-color="${colour()}"/></linearGradient>
    <rect width="100%" height="100%" fill="url(#g)"/>${shapes.join('')}</svg>`;
}
