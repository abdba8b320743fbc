import { MongoServerError, type Collection, type Db, type IndexSpecification } from 'mongodb';
import { MS_PER_SECOND } from '../lib/clock.js';
import { firstLine, StartError } from '../lib/start-error.js';
import { isNotNow, upserted } from './answers.js';

/** Names of the unique indexes that messages live by; a duplicate is told by its name. */
const MESSAGES_NUMBER = 'messages_number';
export const MESSAGES_KEY = 'messages_key';

/**
 * Changes what one release wrote into what the next one reads. Several instances may do it at once, and again after
 * a crash in the middle: a repeat must change nothing more.
 */
type SchemaStep = (db: Db) => Promise<void>;

/** What the first release writes. */
const FIRST_VERSION = 1;
/**
 * `SCHEMA_STEPS[n]` takes a database from version n + 1 to n + 2. Added to when documents change in a way that an
 * older release must not meet; a released step is never changed.
 */
const SCHEMA_STEPS: readonly SchemaStep[] = [];
export const SCHEMA_VERSION = FIRST_VERSION + SCHEMA_STEPS.length;
const SCHEMA_ID = 'schema';
const SCHEMA_FILTER = { _id: { $eq: SCHEMA_ID } };

interface MetaDocument {
  readonly _id: string;
  readonly version: number;
}

interface Index {
  readonly collection: string;
  readonly name: string;
  readonly key: Readonly<Record<string, 1 | -1>>;
  readonly unique?: true;
  readonly expireAfterSeconds?: number;
}

const INDEX_OPTIONS_CONFLICT = 85;
const INDEX_KEY_SPECS_CONFLICT = 86;

const indexes = (keepVisitsMs: number): readonly Index[] => [
  { collection: 'messages', name: MESSAGES_NUMBER, key: { roomId: 1, number: 1 }, unique: true },
  { collection: 'messages', name: MESSAGES_KEY, key: { roomId: 1, authorId: 1, key: 1 }, unique: true },
  { collection: 'rooms', name: 'rooms_name', key: { nameKey: 1 }, unique: true },
  { collection: 'rooms', name: 'rooms_created', key: { createdAt: -1, _id: -1 } },
  {
    collection: 'visits',
    name: 'visits_at',
    key: { at: 1 },
    expireAfterSeconds: Math.ceil(keepVisitsMs / MS_PER_SECOND),
  },
];

/**
 * Brings a database to what this release needs. Any number of instances may do it at once, on an empty
 * database too, and again at every start.
 *
 * @param keepVisitsMs - MongoDB forgets visits that are older.
 * @throws StartError when a newer release has written here, or an index that promises rest on cannot be had.
 */
export async function prepareDatabase(db: Db, keepVisitsMs: number): Promise<void> {
  await migrateDatabase(db, SCHEMA_STEPS);
  for (const index of indexes(keepVisitsMs)) await ensureIndex(db, index);
}

/**
 * Changes nothing.
 *
 * @throws StartError when a newer release has written here.
 */
export async function checkDatabase(db: Db): Promise<void> {
  const found = await versionOf(db.collection<MetaDocument>('meta'));
  if (found !== undefined && found > SCHEMA_VERSION) throw newerSchema(db, found, SCHEMA_VERSION);
}

/**
 * Takes a database from the version that it has to the newest that `steps` lead to, step by step, and writes after
 * each one which version it has then. An empty database has the newest at once.
 *
 * @throws StartError when the database is ahead of `steps`; it is not touched then.
 */
export async function migrateDatabase(db: Db, steps: readonly SchemaStep[]): Promise<void> {
  const meta = db.collection<MetaDocument>('meta');
  const newest = FIRST_VERSION + steps.length;
  const found = (await versionOf(meta)) ?? newest;
  for (const [index, step] of steps.entries()) {
    if (FIRST_VERSION + index < found) continue;
    await step(db);
    await raiseVersion(meta, FIRST_VERSION + index + 1);
  }
  // One of a newer release may have come meanwhile.
  const reached = found > newest ? found : await raiseVersion(meta, newest);
  if (reached !== newest) throw newerSchema(db, reached, newest);
}

const versionOf = async (meta: Collection<MetaDocument>): Promise<number | undefined> =>
  (await meta.findOne(SCHEMA_FILTER))?.version;

const newerSchema = (db: Db, found: number | undefined, known: number): StartError =>
  new StartError(
    `MONGODB_URL: database ${db.databaseName} was written by a newer release (schema ${found}, this one knows ${known}); run that release, or name another database`,
  );

/** Writes a version unless a newer one is there, and gives the one that is there then. */
async function raiseVersion(meta: Collection<MetaDocument>, version: number): Promise<number | undefined> {
  await upserted(() => meta.updateOne(SCHEMA_FILTER, { $max: { version } }, { upsert: true }));
  return versionOf(meta);
}

async function ensureIndex(db: Db, index: Index): Promise<void> {
  const { collection, name, key, ...options } = index;
  try {
    const specification: IndexSpecification = key;
    await db.collection(collection).createIndex(specification, { name, ...options });
  } catch (error) {
    if (!(error instanceof MongoServerError) || isNotNow(error)) throw error;
    if (error.code === INDEX_OPTIONS_CONFLICT && options.expireAfterSeconds !== undefined) {
      await db.command({ collMod: collection, index: { name, ...options } });
    } else if (error.code !== INDEX_OPTIONS_CONFLICT && error.code !== INDEX_KEY_SPECS_CONFLICT) {
      throw cannotHave(db, index, firstLine(error), error);
    }
  }
  await verifyIndex(db, index);
}

/** A server may accept the wish and have another index of this name, so what is there is looked at. */
async function verifyIndex(db: Db, index: Index): Promise<void> {
  const found = await db.collection(index.collection).listIndexes().toArray();
  const same = found.find(({ name }) => name === index.name);
  const fits =
    same !== undefined &&
    JSON.stringify(same['key']) === JSON.stringify(index.key) &&
    (same['unique'] === true) === (index.unique === true) &&
    same['partialFilterExpression'] === undefined;
  if (!fits) throw cannotHave(db, index, 'another one is in its place; drop that');
}

const cannotHave = (db: Db, { collection, name }: Index, why: string, cause?: unknown): StartError =>
  new StartError(`MONGODB_URL: index ${name} of ${db.databaseName}.${collection} cannot be made: ${why}`, {
    cause,
  });
