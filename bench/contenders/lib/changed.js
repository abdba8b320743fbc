/**
 * A hook of Node's loader that changes files of `dist` as they are loaded. A change whose place is not found any more
 * ends the start.
 *
 * @param {Record<string, [string, string][]>} changes - by file: what is replaced by what
 */
export const changed = (changes) =>
  async function load(url, context, nextLoad) {
    const loaded = await nextLoad(url, context);
    const [, file] = /\/dist\/(.*)$/.exec(url) ?? [];
    if (changes[file] === undefined) return loaded;
    let source = String(loaded.source);
    for (const [place, replacement] of changes[file]) {
      if (!source.includes(place)) throw new Error(`dist/${file} does not hold any more: ${place}`);
      source = source.replace(place, () => replacement);
    }
    return { ...loaded, source };
  };
