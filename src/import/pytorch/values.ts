/** What a pickle can hold once it is read: plain data, and inert records where Python would have built objects. */
import type { Dtype } from '../../tensor/tensor.js';

/** A name that the pickle refers to: a class or a function that we know only as a name. */
export class GlobalName {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object of a class that is not run: its constructor's arguments and the state that was saved with it. */
export class Instance {
  state: PickleValue = null;
  /** Entries of a subclass of dict, in order. */
  readonly entries: PickleDict = new Map();
  /** Items of a subclass of list. */
  readonly items: PickleValue[] = [];

  constructor(
    readonly type: GlobalName,
    readonly args: readonly PickleValue[],
  ) {}
}

/** The bytes behind tensors, by their key in the container. */
export class StorageRef {
  constructor(
    /** `null` for an untyped storage, whose tensors carry the type. */
    readonly dtype: Dtype | null,
    readonly key: string,
    /** In elements; in bytes if untyped. */
    readonly count: number,
    /** Where a view into the storage begins, in elements (legacy files only). */
    readonly offset: number,
  ) {}
}

/** A strided view of a storage. Offsets and strides are in elements. */
export class TensorRef {
  constructor(
    readonly storage: StorageRef,
    readonly dtype: Dtype,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

export type PickleDict = Map<PickleValue, PickleValue>;

/** Lists, tuples and sets are all arrays; dicts and OrderedDicts are Maps. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | GlobalName
  | Instance
  | StorageRef
  | TensorRef;
