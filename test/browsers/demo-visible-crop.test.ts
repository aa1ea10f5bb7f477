/** Where the demo lays the evidence: over the part of the picture that the preprocessing's crop leaves. */
import { describe, expect, it } from 'vitest';
import { seenBy } from '../../demo/visible-crop.js';
import { PRESETS } from '../../src/preprocess/presets.js';

describe('the part of a picture that the network sees', () => {
  it('is the whole picture without a crop', () => {
    expect(seenBy(PRESETS.cifar10, 640, 480)).toEqual({ x: 0, y: 0, width: 640, height: 480 });
    expect(seenBy(undefined, 640, 480)).toEqual({ x: 0, y: 0, width: 640, height: 480 });
  });

  it('is the centre of what the resize leaves: 224 of 256 on the shorter side, as much across', () => {
    const { x, y, width, height } = seenBy(PRESETS.torchvision, 1024, 512);
    expect([x, y, width, height]).toEqual([288, 32, 448, 448]);
  });

  it('reaches beyond a picture that the crop pads', () => {
    const spec = { ...PRESETS.cifar10, resize: { kind: 'none' }, crop: [32, 32] } as const;
    expect(seenBy(spec, 16, 32)).toEqual({ x: -8, y: 0, width: 32, height: 32 });
  });

  it('is the middle square where the resize covers one', () => {
    expect(seenBy(PRESETS.torchxrayvision, 600, 448)).toEqual({ x: 76, y: 0, width: 448, height: 448 });
  });

  it('follows an exact resize, which squeezes', () => {
    const spec = { ...PRESETS.keras, crop: [112, 56] } as const;
    expect(seenBy(spec, 448, 224)).toEqual({ x: 168, y: 56, width: 112, height: 112 });
  });
});
