/**
 * Writes docs/reference.md from the schema; with `--check` it only says whether that is up to date, and exits 1
 * when it is not.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { buildSchema, isEnumType, isInputObjectType, isInterfaceType, isIntrospectionType } from 'graphql';
import { isObjectType, isScalarType, isSpecifiedScalarType } from 'graphql';
import { format, resolveConfig } from 'prettier';

const FILE = 'docs/reference.md';
const ROOTS = ['Query', 'Mutation', 'Subscription'];

const sdl = readdirSync('schema')
  .sort()
  .map((name) => readFileSync(`schema/${name}`, 'utf8'));
const schema = buildSchema(sdl.join('\n'));
const types = Object.values(schema.getTypeMap())
  .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
  .sort((a, b) => a.name.localeCompare(b.name));
const named = new Set(types.map(({ name }) => name));

/** A description as one line; the cells of a table hold no more. */
const line = (text) =>
  (text ?? '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
    .trim();
const anchor = (name) => name.toLowerCase();

/** A type as GraphQL writes it, with a link to what this page says of it. */
function link(type) {
  const text = String(type);
  const name = text.replaceAll(/[[\]!]/g, '');
  return named.has(name) ? `[\`${text}\`](#${anchor(name)})` : `\`${text}\``;
}

const value = (given) => (given === undefined ? '' : ` = \`${JSON.stringify(given)}\``);

function table(head, rows) {
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`]
    .concat(rows.map((row) => `| ${row.join(' | ')} |`))
    .join('\n');
}

function rootField(root, field) {
  const rows = field.args.map((arg) => [
    `\`${arg.name}\``,
    `${link(arg.type)}${value(arg.defaultValue)}`,
    line(arg.description),
  ]);
  return [
    `#### ${root}.${field.name}`,
    `Gives ${link(field.type)}.`,
    field.description ?? '',
    rows.length > 0 ? table(['argument', 'type', 'meaning'], rows) : '',
  ].join('\n\n');
}

/** What a field is, and what each of its arguments is. */
const meaning = ({ description, args = [] }) =>
  [description, ...args.map((arg) => `\`${arg.name}\`: ${arg.description}`)].map(line).join(' ');

function fields(type) {
  const rows = Object.values(type.getFields()).map((field) => {
    const args = (field.args ?? []).map((arg) => `${arg.name}: ${arg.type}`).join(', ');
    const default_ = 'args' in field ? '' : value(field.defaultValue);
    return [
      `\`${field.name}${args === '' ? '' : `(${args})`}\``,
      `${link(field.type)}${default_}`,
      meaning(field),
    ];
  });
  const interfaces = 'getInterfaces' in type ? type.getInterfaces() : [];
  const implemented = interfaces.length === 0 ? '' : `Implements ${interfaces.map(link).join(', ')}.\n\n`;
  return `${implemented}${table(['field', 'type', 'meaning'], rows)}`;
}

function section(title, kind, body) {
  const parts = types.filter((type) => kind(type) && !ROOTS.includes(type.name));
  return [`## ${title}`, ...parts.map((type) => `### ${type.name}\n\n${type.description}\n\n${body(type)}`)];
}

const text = [
  '# Reference of the API',
  '<!-- Written by `npm run docs:reference` from schema/*.graphql. -->',
  'The same as `/schema.graphql` of a running server and `madang/schema.graphql` of the package. How to use it by' +
    ' task is in the [guide](api-guide.md); what clients may rely on, in the [rules](SPEC.md).',
  ...ROOTS.flatMap((name) => {
    const root = schema.getType(name);
    return [
      `## ${name}`,
      root.description,
      ...Object.values(root.getFields()).map((field) => rootField(name, field)),
    ];
  }),
  ...section('Interfaces', isInterfaceType, fields),
  ...section('Objects', isObjectType, fields),
  ...section('Inputs', isInputObjectType, fields),
  ...section('Enums', isEnumType, (type) =>
    table(
      ['value', 'meaning'],
      type.getValues().map((each) => [`\`${each.name}\``, line(each.description)]),
    ),
  ),
  ...section('Scalars', isScalarType, ({ specifiedByURL }) => `Specified at <${specifiedByURL}>.`),
].join('\n\n');

const written = await format(text, { ...(await resolveConfig(FILE)), filepath: FILE });
if (process.argv.includes('--check')) {
  const upToDate = readFileSync(FILE, 'utf8') === written;
  if (!upToDate) console.error(`${FILE} is not up to date: npm run docs:reference`);
  process.exitCode = upToDate ? 0 : 1;
} else {
  writeFileSync(FILE, written);
}
