/** The demo's picture of the network: what each layer reads, and which channels of its block are its own. */
import { describe, expect, it } from 'vitest';
import { channelsRead, layerOf } from '../../demo/charts/density.js';
import { layerMaps } from '../../demo/charts/layer-maps.js';
import { familyConfig } from '../../src/model/family.js';

const CONFIG = familyConfig('densenet121');

describe('channelsRead', () => {
  it('counts the block’s input and what the layers before added, as in Table 1 of the paper', () => {
    expect(channelsRead(CONFIG, { block: 1, layer: 1 })).toBe(64);
    expect(channelsRead(CONFIG, { block: 1, layer: 6 })).toBe(224);
    expect(channelsRead(CONFIG, { block: 2, layer: 1 })).toBe(128);
    expect(channelsRead(CONFIG, { block: 4, layer: 16 })).toBe(512 + 15 * 32);
  });
});

describe('layerOf', () => {
  it.each([
    ['block2.layer13.conv', { block: 2, layer: 13 }],
    ['block1.layer1.reduce', { block: 1, layer: 1 }],
    ['transition1', null],
    ['stem', null],
  ])('%s', (name, layer) => expect(layerOf(name)).toEqual(layer));
});

describe('layerMaps', () => {
  it('cuts a layer’s own channels out of its block', () => {
    const config = { ...CONFIG, initFeatures: 2, growthRate: 2 };
    // Two channels enter; two layers add two each. Each channel holds its number, the last one negative.
    const data = Float32Array.from({ length: 6 * 4 }, (_, i) => (i >= 20 ? -5 : Math.floor(i / 4)));
    const { maps, width, height, magnitude } = layerMaps(config, { block: 1, layer: 2 }, { shape: [1, 6, 2, 2], data });
    expect(maps.map((map) => [...map])).toEqual([
      [4, 4, 4, 4],
      [-5, -5, -5, -5],
    ]);
    expect([width, height, magnitude]).toEqual([2, 2, 5]);
  });
});
