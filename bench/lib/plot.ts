import type { Report, Spread } from './report.js';

const WIDTH = 720;
const LABEL_WIDTH = 210;
const VALUE_WIDTH = 90;
const ROW_HEIGHT = 26;
const BAR_HEIGHT = 16;
const TITLE_HEIGHT = 34;
const OURS = '#2f6f4f';
const THEIRS = '#8a8f98';

export interface Plot {
  readonly title: string;
  readonly metric: string;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const short = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);

/** Bars of one metric, one for each contender that has it, with a line over the range of its rounds. */
export function barsOf(report: Report, { title, metric }: Plot): string {
  const rows = Object.entries(report.contenders)
    .map(([name, metrics]) => [name, metrics[metric]] as const)
    .filter((row): row is [string, Spread] => row[1] !== undefined);
  const most = Math.max(...rows.map(([, { max }]) => max));
  const scale = (value: number): number => (Math.max(value, 0) / most) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH);
  const bars = rows.map(([name, { median, min, max }], index) => {
    const top = TITLE_HEIGHT + index * ROW_HEIGHT;
    const middle = top + BAR_HEIGHT / 2;
    const fill = name.startsWith('madang') ? OURS : THEIRS;
    return [
      `<text x="${LABEL_WIDTH - 8}" y="${middle + 4}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${top}" width="${scale(median).toFixed(1)}" height="${BAR_HEIGHT}" fill="${fill}"/>`,
      `<line x1="${(LABEL_WIDTH + scale(min)).toFixed(1)}" x2="${(LABEL_WIDTH + scale(max)).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#222"/>`,
      `<text x="${(LABEL_WIDTH + scale(max) + 6).toFixed(1)}" y="${middle + 4}">${short(median)}</text>`,
    ].join('\n');
  });
  const height = TITLE_HEIGHT + rows.length * ROW_HEIGHT;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">
<rect width="100%" height="100%" fill="#fff"/>
<text x="8" y="18" font-size="14">${escaped(title)}</text>
${bars.join('\n')}
</svg>
`;
}

const cell = (value: Spread | undefined): string =>
  value === undefined ? '' : `${short(value.median)} [${short(value.min)}–${short(value.max)}]`;

/** The ratios, then the metrics of every contender, as Markdown. */
export function tablesOf(report: Report): string {
  const ratios = Object.entries(report.ratios).map(([target, value]) => `| ${target} | ${cell(value)} |`);
  const names = Object.keys(report.contenders);
  const metrics = [...new Set(names.flatMap((name) => Object.keys(report.contenders[name] ?? {})))];
  const rows = metrics.map((metric) => {
    const cells = names.map((name) => cell(report.contenders[name]?.[metric]));
    return `| ${metric} | ${cells.join(' | ')} |`;
  });
  return [
    `${report.rounds} ${report.rounds === 1 ? 'round' : 'rounds'}, median [range].`,
    '',
    '| ratio | |',
    '|---|---|',
    ...ratios,
    '',
    `| | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---|').join('')}`,
    ...rows,
  ].join('\n');
}
