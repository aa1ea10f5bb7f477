import { DenseNet } from 'densenet-webgpu';
import { useEffect, useState } from 'react';

/** The network once it is loaded, or the error. Both are null before. */
export function useDenseNet(url) {
  const [state, setState] = useState({ net: null, error: null });
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    DenseNet.load(url, { signal }).then(
      (net) => {
        signal.addEventListener('abort', () => net.dispose());
        setState({ net, error: null });
      },
      (error) => signal.aborted || setState({ net: null, error }),
    );
    return () => controller.abort();
  }, [url]);
  return state;
}
