import * as fc from 'fast-check';

/** A piece of a selection of `Counted`. */
type Piece =
  | { readonly kind: 'field'; readonly name: string; readonly alias: boolean; readonly when: When }
  | { readonly kind: 'echo'; readonly text: Text; readonly when: When }
  | { readonly kind: 'again' | 'inline'; readonly pieces: readonly Piece[]; readonly when: When }
  | { readonly kind: 'spread'; readonly fragment: number; readonly when: When };

/** What `echo` is given: a literal, or a variable. */
type Text = 'literal' | 'null' | '$text' | '$start';
/** The directive on a piece. */
type When = '' | '@include(if: true)' | '@skip(if: $yes)' | '@include(if: $yes)';

interface Shape {
  readonly operations: readonly (readonly Piece[])[];
  readonly fragments: readonly (readonly Piece[])[];
  readonly rootAlias: boolean;
  readonly rootFragment: boolean;
}

export interface Generated {
  readonly query: string;
  readonly operationNames: readonly string[];
}

const MAX_FRAGMENTS = 3;
const FIELDS = ['number', 'replayed', 'skippedCount', 'fails', '__typename'];

const when: fc.Arbitrary<When> = fc.oneof(
  { weight: 8, arbitrary: fc.constant('' as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('@include(if: true)', '@skip(if: $yes)', '@include(if: $yes)'),
  },
);

const field = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...FIELDS) },
  { weight: 1, arbitrary: fc.constant('slow') },
  { weight: 1, arbitrary: fc.constant('mine') },
);

const { pieces } = fc.letrec<{ piece: Piece; pieces: readonly Piece[] }>((tie) => ({
  piece: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'piece' },
    fc.record({ kind: fc.constant('field' as const), name: field, alias: fc.boolean(), when }),
    fc.record({
      kind: fc.constant('echo' as const),
      text: fc.constantFrom<Text>('literal', 'null', '$text', '$start'),
      when,
    }),
    fc.record({ kind: fc.constant('spread' as const), fragment: fc.nat(MAX_FRAGMENTS - 1), when }),
    fc.record({ kind: fc.constantFrom('again' as const, 'inline' as const), pieces: tie('pieces'), when }),
  ),
  pieces: fc.array(tie('piece'), { minLength: 1, maxLength: 4, depthIdentifier: 'piece' }),
}));

const shape: fc.Arbitrary<Shape> = fc.record({
  operations: fc.array(pieces, { minLength: 1, maxLength: 2 }),
  fragments: fc.array(pieces, { minLength: MAX_FRAGMENTS, maxLength: MAX_FRAGMENTS }),
  rootAlias: fc.boolean(),
  rootFragment: fc.boolean(),
});

const TYPES: Readonly<Record<string, string>> = {
  $start: '$start: String',
  $text: '$text: String = "by default"',
  $yes: '$yes: Boolean!',
};

/** A document as text. Fragments spread only later ones, so that none circles; what nobody spreads is left out. */
function print({ operations, fragments, rootAlias, rootFragment }: Shape): Generated {
  let aliases = 0;
  const texts = new Map<number, { text: string; variables: ReadonlySet<string> }>();

  function selection(list: readonly Piece[], above: number, used: Set<string>): string {
    return list.map((each) => one(each, above, used)).join(' ');
  }

  function one(each: Piece, above: number, used: Set<string>): string {
    const index = each.kind === 'spread' ? Math.max(each.fragment, above + 1) : 0;
    if (index >= fragments.length) return 'number';
    if (each.when.includes('$yes')) used.add('$yes');
    if (each.kind === 'field') {
      const alias = each.alias ? `a${(aliases += 1)}: ` : '';
      return `${alias}${each.name} ${each.when}`;
    }
    if (each.kind === 'echo') {
      if (each.text.startsWith('$')) used.add(each.text);
      const value = each.text === 'literal' ? '"written"' : each.text;
      return `a${(aliases += 1)}: echo(text: ${value}) ${each.when}`;
    }
    if (each.kind === 'spread') {
      for (const variable of fragment(index).variables) used.add(variable);
      return `...F${index} ${each.when}`;
    }
    const inner = selection(each.pieces, above, used);
    return each.kind === 'again' ? `again ${each.when} { ${inner} }` : `... ${each.when} { ${inner} }`;
  }

  function fragment(index: number): { text: string; variables: ReadonlySet<string> } {
    const known = texts.get(index);
    if (known !== undefined) return known;
    const used = new Set<string>();
    const inner = selection(fragments[index] ?? [], index, used);
    const made = { text: `fragment F${index} on Counted { ${inner} }`, variables: used };
    texts.set(index, made);
    return made;
  }

  const names = operations.map((_, index) => (index === 0 ? 'First' : 'Second'));
  const bodies = operations.map((list, index) => {
    const used = new Set(['$start']);
    const inner = selection(list, -1, used);
    const root = `${rootAlias ? 'root: ' : ''}counted(after: $start) { ${inner} }`;
    const variables = [...used].map((name) => TYPES[name]).join(', ');
    if (!rootFragment) return `subscription ${names[index]}(${variables}) { ${root} }`;
    const spread = `subscription ${names[index]}(${variables}) { ...R${index} }`;
    return `${spread} fragment R${index} on Subscription { ${root} }`;
  });
  const query = [...bodies, ...[...texts.values()].map(({ text }) => text)].join(' ');
  return { query, operationNames: names };
}

/**
 * Documents that subscribe to `counted` of the small schema: fragments, aliases, directives, variables, nesting,
 * one or two operations. A few are larger than the server takes.
 */
export const documents: fc.Arbitrary<Generated> = shape.map(print);
