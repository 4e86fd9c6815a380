// What sources of configuration say, as the resources that the data plane runs.
export type { ListenerConfig } from './claims.ts';
export { createControl, type Control, type Loaded, type LoadRequest } from './control.ts';
export { deltaBetween, isEmptyDelta } from './delta.ts';
export {
  FOLDER_LIMITS,
  readFolders,
  type FolderContent,
  type FolderLimits,
  type SourceFile,
} from './source/folder.ts';
export { translate, type TranslateInput, type Translation } from './translate.ts';
export type { Dialect, GatewayView, HostView, ListenerView, RouteView, TargetView } from './view.ts';
