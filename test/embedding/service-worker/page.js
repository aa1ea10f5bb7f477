navigator.serviceWorker.onmessage = ({ data }) => {
  document.querySelector('output').textContent = data;
};
navigator.serviceWorker.register('service-worker.js', { type: 'module' });
const { active } = await navigator.serviceWorker.ready;
active.postMessage('cat.png');
