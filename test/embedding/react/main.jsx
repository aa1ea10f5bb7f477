import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useDenseNet } from './use-densenet.jsx';

function Classifier() {
  const { net, error } = useDenseNet('/model.safetensors');
  const [answer, setAnswer] = useState('');
  async function classify(event) {
    const [best] = await net.classify(event.currentTarget);
    setAnswer(`${best.label}, ${(100 * best.probability).toFixed(1)} %`);
  }
  if (error) return <output>{error.message}</output>;
  if (!net) return <p>Loading …</p>;
  return (
    <>
      <img src="/cat.png" alt="A cat" onLoad={classify} />
      <output>{answer}</output>
    </>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Classifier />
  </StrictMode>,
);
