import { MongoServerError, type Collection, type Db, type IndexSpecification } from 'mongodb';
import { firstLine, StartError } from '../lib/start-error.js';
import { isDuplicate, isNotNow } from './answers.js';

/** Names of the unique indexes that messages live by; a duplicate is told by its name. */
const MESSAGES_NUMBER = 'messages_number';
export const MESSAGES_KEY = 'messages_key';

/** What this release writes. Raised when documents change in a way that an older release must not meet. */
export const SCHEMA_VERSION = 1;
const SCHEMA_ID = 'schema';

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
const MS_PER_SECOND = 1000;

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
  await refuseNewer(db);
  for (const index of indexes(keepVisitsMs)) await ensureIndex(db, index);
}

async function refuseNewer(db: Db): Promise<void> {
  const found = await raiseVersion(db.collection('meta'));
  if (found === SCHEMA_VERSION) return;
  throw new StartError(
    `MONGODB_URL: database ${db.databaseName} was written by a newer release (schema ${found}, this one knows ${SCHEMA_VERSION}); run that release, or name another database`,
  );
}

/** Writes our version unless a newer one is there, and gives the one that is there then. */
async function raiseVersion(meta: Collection<MetaDocument>): Promise<number | undefined> {
  const filter = { _id: { $eq: SCHEMA_ID } };
  const raise = () => meta.updateOne(filter, { $max: { version: SCHEMA_VERSION } }, { upsert: true });
  try {
    await raise();
  } catch (error) {
    // Two instances made it at once; now both find it.
    if (!isDuplicate(error)) throw error;
    await raise();
  }
  return (await meta.findOne(filter))?.version;
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
