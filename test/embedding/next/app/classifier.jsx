'use client';

import { useRef, useState } from 'react';
import { useDenseNet } from './use-densenet.jsx';

export function Classifier() {
  const { net, error } = useDenseNet('/model.safetensors');
  const [answer, setAnswer] = useState('');
  const image = useRef(null);
  async function classify() {
    const [best] = await net.classify(image.current);
    setAnswer(`${best.label}, ${(100 * best.probability).toFixed(1)} %`);
  }
  return (
    <>
      <img ref={image} src="/cat.png" alt="A cat" />
      <button type="button" disabled={!net} onClick={classify}>
        Classify
      </button>
      <output>{error ? error.message : answer}</output>
    </>
  );
}
