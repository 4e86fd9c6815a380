export { CONTENT_TYPE_TEXT, formatOf, type Format } from './format.ts';
export { parsePage, type Page, type PageSample } from './page.ts';
export {
  familyMetadata,
  PARSER_LIMITS,
  ScrapeParser,
  type ExpositionError,
  type PageExemplar,
  type ParserLimits,
} from './parser.ts';
export { writeText } from './write.ts';
