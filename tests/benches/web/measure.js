// Has the studio's engine and transformers.js write after the same prompt by turns, and times both from here, where a
// page would show the text. Leaves `results`, and says so in the body's `data-done`.
// Settings: `prompt` and `new` tokens, `turns` at least, and more until so many `seconds` are over.

const setting = (name) => Number(new URLSearchParams(location.search).get(name));
const [promptTokens, newTokens, turns, seconds] = ['prompt', 'new', 'turns', 'seconds'].map(setting);

/** A module worker, and a function that posts to it and hands its messages to `on` until that returns something. */
function start(script) {
  const worker = new Worker(script, { type: 'module' });
  return (message, on) =>
    new Promise((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(`${script}: ${event.message ?? 'it cannot be loaded'}`));
      worker.onmessage = ({ data }) => {
        try {
          const outcome = on(data);
          if (outcome !== undefined) resolve(outcome);
        } catch (error) {
          reject(error);
        }
      };
      if (message) worker.postMessage(message);
    });
}

/** The shipped engine for one's own models, asked as the page asks it. */
async function studio() {
  const post = start('../engine-own_loader.js');
  await post(null, ([json]) => JSON.parse(json).body === 'loaded' || undefined);
  let id = 0;
  const ask = (body, files = [], onToken = () => {}) =>
    post([JSON.stringify({ id: ++id, body }), ...files], ([json]) => {
      const reply = JSON.parse(json).body;
      if (reply.failed) throw new Error(`${reply.failed.message} ${reply.failed.hint ?? ''}`);
      if (reply.token) return onToken(reply.token.text);
      return reply.progress ? undefined : reply;
    });
  await ask({ start: { allow_software: false } });
  const names = ['config.json', 'tokenizer.json', 'model.safetensors'].map((name) => `model/${name}`);
  const files = await Promise.all(names.map(async (name) => new File([await (await fetch(name)).blob()], name)));
  const { looked } = await ask({ look: { place: { files: { names } } } }, files);
  await ask({ load: { items: [looked.item.id], recipe: null } });
  return async (prompt, onToken) => {
    // Every word of the tokenizer is an id: `t13 t7932`.
    const text = prompt.map((token) => `t${token}`).join(' ');
    let written = '';
    const onText = (piece) => {
      onToken();
      written += piece;
    };
    const { generated } = await ask({ generate_own: { prompt: text, chat: false, max_new_tokens: newTokens } }, [], onText);
    const ids = written.match(/\d+/g).map(Number);
    if (ids.length !== generated.tokens) throw new Error(`${generated.tokens} tokens came as ${ids.length} words`);
    return ids;
  };
}

/** transformers.js, in a worker too. */
async function peer() {
  const post = start('peer.js');
  const ask = (message, on) =>
    post(message, (reply) => {
      if (reply.error) throw new Error(reply.error);
      return on(reply);
    });
  await ask(null, ({ loaded }) => loaded);
  return (prompt, onToken) => {
    const written = [];
    return ask({ prompt, count: newTokens }, ({ token, end }) => {
      if (end) return written;
      onToken();
      written.push(token);
    });
  };
}

/** One turn: rates in tokens a second, as a page sees them. */
async function turn(generate, prompt) {
  const times = [];
  const begun = performance.now();
  const tokens = await generate(prompt, () => times.push(performance.now()));
  const [first, last] = [times[0], times.at(-1)];
  const rate = (count, milliseconds) => (1000 * count) / milliseconds;
  return { tokens, prefill: rate(prompt.length, first - begun), decode: rate(times.length - 1, last - first) };
}

async function measure() {
  const { vocab_size } = await (await fetch('model/config.json')).json();
  const prompt = Array.from({ length: promptTokens }, (_, i) => (i * 7919 + 13) % vocab_size);
  const sides = { studio: await studio(), peer: await peer() };
  const results = { studio: [], peer: [] };
  const end = performance.now() + 1000 * seconds;
  // The first turn of each warms up.
  for (let i = 0; i <= turns || performance.now() < end; i++) {
    for (const [name, generate] of Object.entries(sides)) {
      const result = await turn(generate, prompt);
      if (i > 0) results[name].push(result);
    }
  }
  return results;
}

window.results = await measure().catch((error) => ({ error: String(error) }));
document.body.dataset.done = 'true';
