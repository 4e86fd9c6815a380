export { readSelectors } from './label-query.ts';
export { queryLocal, type LocalOptions } from './local.ts';
export {
  createQueryPool,
  POOL_SETTINGS,
  QUERY_POOL_DEFAULTS,
  type PoolSettings,
  type QueryPool,
  type QueryPoolOptions,
} from './pool.ts';
export {
  ERROR_STATUS,
  errorReply,
  NO_COST,
  RequestError,
  successBody,
  wholeReply,
  type ErrorType,
  type Evaluation,
  type QueryCost,
  type QueryError,
  type QueryReply,
  type QueryRequest,
  type ReplyRest,
  type SeriesChoice,
} from './request.ts';
export { remoteQueryable, serveStorage, type RemoteQueryable, type StorageServer } from './storage-port.ts';
