/** The demo draws the map over the part of the image that the network sees. */
import { describe, expect, it } from 'vitest';
import { visibleCrop } from '../../demo/visible-crop.js';
import { PRESETS } from '../../src/preprocess/presets.js';

describe('visibleCrop', () => {
  it('returns the whole image when there is no crop', () => {
    expect(visibleCrop(PRESETS.cifar10, 640, 480)).toEqual({ x: 0, y: 0, width: 640, height: 480 });
    expect(visibleCrop(undefined, 640, 480)).toEqual({ x: 0, y: 0, width: 640, height: 480 });
  });

  it('returns the central 224 of 256 of the shorter side', () => {
    const { x, y, width, height } = visibleCrop(PRESETS.torchvision, 1024, 512);
    expect([x, y, width, height]).toEqual([288, 32, 448, 448]);
  });

  it('is larger than an image that the crop pads', () => {
    const spec = { ...PRESETS.cifar10, resize: { kind: 'none' }, crop: [32, 32] } as const;
    expect(visibleCrop(spec, 16, 32)).toEqual({ x: -8, y: 0, width: 32, height: 32 });
  });

  it('returns the middle square when the resize covers a square', () => {
    expect(visibleCrop(PRESETS.torchxrayvision, 600, 448)).toEqual({ x: 76, y: 0, width: 448, height: 448 });
  });

  it('follows an exact resize, which changes the aspect ratio', () => {
    const spec = { ...PRESETS.keras, crop: [112, 56] } as const;
    expect(visibleCrop(spec, 448, 224)).toEqual({ x: 168, y: 56, width: 112, height: 112 });
  });
});
