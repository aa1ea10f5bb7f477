/** The catalog of public checkpoints: each row is complete and agrees with the network that it describes. */
import { describe, expect, it } from 'vitest';
import { catalogRow, metadataOf, readCatalog } from '../../src/cli/catalog.js';
import { checkConfig, configOf } from '../../src/cli/model-source.js';
import { layerTable } from '../../src/model/layers.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { channelsOf, inputSizeOf } from '../../src/preprocess/spec.js';

const ROWS = readCatalog();

/** As torchvision publishes them (`meta['num_params']`). */
const PARAMETERS = { densenet121: 7978856, densenet161: 28681000, densenet169: 14149480, densenet201: 20013928 };

describe('the catalog', () => {
  it('lists the published checkpoints of four projects, each once', () => {
    const projects = new Map<string, number>();
    for (const { id } of ROWS) {
      const project = id.split('-')[0] ?? '';
      projects.set(project, (projects.get(project) ?? 0) + 1);
    }
    expect(Object.fromEntries(projects)).toEqual({ torchvision: 4, timm: 5, torchxrayvision: 7, keras: 3 });
    expect(new Set(ROWS.map(({ id }) => id)).size).toBe(ROWS.length);
    expect(new Set(ROWS.map(({ url }) => url)).size).toBe(ROWS.length);
  });

  it.each(ROWS.map((row) => [row.id, row] as const))('%s: config, parameters, preset and labels agree', (_, row) => {
    const config = configOf(row);
    expect(layerTable(config, row.inputSize).parameters).toBe(row.parameters);
    if (row.classes === 1000) expect(Object.entries(PARAMETERS)).toContainEqual([row.arch, row.parameters]);
    const preset = presetOf(row.preset);
    expect(inputSizeOf(preset)).toEqual(row.inputSize);
    expect(channelsOf(preset)).toBe(row.inChannels);
    expect(row.labels).toHaveLength(row.classes);
    if (row.thresholds) expect([row.thresholds.length, row.activation]).toEqual([row.classes, 'sigmoid']);
    expect(row.url).toMatch(/^https:\/\/[a-z.]+\/\S+\.(pth|pt|safetensors|h5)$/);
    expect(row.source).toMatch(/^https:\/\//);
  });

  it('has hashes that begin with the digits in torchvision’s file names', () => {
    for (const { id, url, hash } of ROWS.filter((row) => row.id.startsWith('torchvision-')))
      expect(url, id).toContain(`-${hash?.digits}.pth`);
  });

  it('says which classes a checkpoint was not trained for', () => {
    const { labels } = metadataOf(catalogRow('torchxrayvision-densenet121-res224-rsna', ROWS));
    expect([labels?.[8], labels?.[0]]).toEqual(['Pneumonia', 'Atelectasis (not trained)']);
  });

  it('suggests the nearest ids for an unknown one', () => {
    expect(() => catalogRow('densenet201', ROWS)).toThrow(
      'there is no file and no catalogue entry "densenet201"; the nearest entries are keras-densenet201, ' +
        'torchvision-densenet201, timm-densenet201.tv_in1k',
    );
    expect(() => catalogRow('torchvison-densent161', ROWS)).toThrow(/nearest entries are torchvision-densenet161/);
  });

  it('rejects a file with another network than its row describes', () => {
    const row = catalogRow('keras-densenet121', ROWS);
    const source = { format: 'safetensors', scheme: 'torchvision', fileName: row.id } as const;
    const imported = { tensors: new Map(), metadata: {}, notes: [], source };
    expect(() => checkConfig(row, { ...imported, config: configOf(row) })).not.toThrow();
    const other = { ...configOf(row), classes: 10, blocks: [6, 12, 24] };
    expect(() => checkConfig(row, { ...imported, config: other })).toThrow(
      'keras-densenet121: the file is not the network that was published: blocks is [6,12,24] instead of [6,12,24,16], classes is 10 instead of 1000',
    );
  });
});
