import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/lib/metrics.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const alerts = read('deploy/prometheus/alerts.yml');
const handbook = read('docs/OPERATIONS.md');

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}
const dashboard = JSON.parse(read('deploy/grafana/madang.json')) as Dashboard;

/** Names and label names of everything that a server serves at its metrics port. */
async function served(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const text = await createMetrics({ version: 'test' }).registry.metrics();
  const known = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of text.matchAll(/^([a-z0-9_]+)(?:\{(.*)\})? /gm)) {
    const names = known.get(name) ?? new Set(['instance', 'le']);
    for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) names.add(label);
    known.set(name, names);
  }
  return known;
}

const expressions = [
  ...Array.from(alerts.matchAll(/^ +expr: (.+)$/gm), ([, expr = '']) => expr),
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
];
const METRIC = /\b(?:chat|process|nodejs)_[a-z0-9_]+/g;

describe('alerts and dashboard', () => {
  it('use only metrics and labels that exist', async () => {
    const known = await served();
    const wrong = expressions.flatMap((expr) => {
      const names = expr.match(METRIC) ?? [];
      const missing = names.filter((name) => !known.has(name));
      const labels = names.flatMap((name) => Array.from(known.get(name) ?? []));
      const used = Array.from(expr.matchAll(/([a-z_]+)(?:=~|!~|!=|=)"/g), ([, label = '']) => label);
      const grouped = Array.from(expr.matchAll(/by \(([^)]*)\)/g), ([, list = '']) =>
        list.split(/, */),
      ).flat();
      const strange = [...used, ...grouped].filter((label) => !labels.includes(label));
      return names.length === 0 || missing.length > 0 || strange.length > 0
        ? [{ expr, missing, strange }]
        : [];
    });
    expect(wrong).toEqual([]);
    expect(expressions.length).toBeGreaterThan(40);
  });

  it('ask only for label values that exist', async () => {
    const text = await createMetrics({ version: 'test' }).registry.metrics();
    const asked = expressions.flatMap((expr) =>
      Array.from(expr.matchAll(/(chat_[a-z_]+)\{[^}]*?(result|code|mode|reason)(=~|!=|=)"([^"]+)"/g)),
    );
    const missing = asked.flatMap(([, name = '', label = '', , values = '']) =>
      values.split('|').filter((value) => !new RegExp(`^${name}\\{[^}]*${label}="${value}"`, 'm').test(text)),
    );
    expect({ missing, some: asked.length > 0 }).toEqual({ missing: [], some: true });
  });

  it('tell of tokens that were refused, not of callers who sent none', () => {
    const [, , sign = '', reasons = ''] =
      /(chat_auth_failures_total)\{reason(=~|!=|=)"([^"]+)"/.exec(alerts) ?? [];
    expect([sign, reasons.split('|').toSorted()]).toEqual(['=~', ['invalid', 'malformed']]);
  });

  it('show every metric of the chat on the dashboard, under titles of their own', async () => {
    const shown = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n');
    const names = Array.from((await served()).keys(), (name) => name.replace(/_(bucket|sum|count)$/, ''));
    const hidden = [...new Set(names)].filter((name) => name.startsWith('chat_') && !shown.includes(name));
    expect(hidden).toEqual([]);
    expect(new Set(dashboard.panels.map(({ title }) => title)).size).toBe(dashboard.panels.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  it('have words for what to do at each alert in the handbook', () => {
    const names = Array.from(alerts.matchAll(/alert: (\w+)/g), ([, name = '']) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !handbook.includes(`\`${name}\``))).toEqual([]);
    expect(alerts.match(/expr: /g)?.length).toBe(names.length);
    expect(alerts.match(/summary: /g)?.length).toBe(names.length);
  });
});

describe('docs/OPERATIONS.md', () => {
  it('names every setting', () => {
    const names = Array.from(
      read('.env.example').matchAll(/^#? ?([A-Z][A-Z_]+)=/gm),
      ([, name = '']) => name,
    );
    expect(names.length).toBeGreaterThan(20);
    expect([...new Set(names)].filter((name) => !handbook.includes(name))).toEqual([]);
  });

  it('says of every package that is shipped what it is for', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const names = Object.keys(dependencies);
    expect(names.filter((name) => !handbook.includes(`| \`${name}\` `))).toEqual([]);
    expect(handbook).toContain(`${names.length} packages that this one asks for`);
  });
});
