/**
 * What a checkpoint may name, and what we make of it. Nothing is ever run: a "call" is one of the constructors below,
 * written here, or it leaves an inert record.
 *
 * The rule: (1) names in `CONSTRUCTORS` give data; (2) names in packages that checkpoints of networks come from may be
 * referred to and "called", leaving records; (3) classes of other packages (people's own model code) may only be
 * instantiated, leaving records; (4) everything in Python's own library that (1) does not list is refused by name,
 * since no network's weights need it and an attack does.
 */
import type { Dtype } from '../../tensor/tensor.js';
import type { Budget } from '../budget.js';
import { formatError } from '../format-error.js';
import { GlobalName, Instance, type PickleDict, type PickleValue, StorageRef, TensorRef } from './values.js';

const pytorchError = formatError('pytorch');

/** Rule 2. */
const NETWORK_PACKAGES = new Set(
  'torch torchvision timm monai torchxrayvision numpy fastai fastcore pytorch_lightning lightning lightning_fabric omegaconf'.split(
    ' ',
  ),
);

/** Rule 4: top-level modules of CPython 2.7 to 3.14 through which code, files, processes or the network are reached. */
const PYTHON_LIBRARY = new Set(
  (
    '__builtin__ builtins _codecs _compat_pickle _io _operator _osx_support _pickle _posixsubprocess _pyrepl _sitebuiltins ' +
    '_socket _thread _winapi aifc ast asyncio asyncore asynchat atexit audioop base64 bdb bz2 cProfile cgi cgitb code ' +
    'codecs codeop collections commands compileall concurrent configparser contextlib copy copyreg copy_reg csv ctypes ' +
    'curses dbm decimal difflib dis distutils doctest email ensurepip enum fileinput fnmatch ftplib functools gc getpass ' +
    'gettext glob grp gzip hashlib heapq hmac html http idlelib imaplib imp importlib inspect io ipaddress itertools json ' +
    'keyword lib2to3 linecache locale logging lzma mailbox marshal mimetypes mmap modulefinder msilib msvcrt multiprocessing ' +
    'netrc nntplib nt ntpath numbers opcode operator optparse os parser pathlib pdb pickle pickletools pip pipes pkg_resources ' +
    'pkgutil platform plistlib popen2 poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc queue ' +
    'quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors setuptools shelve shlex ' +
    'shutil signal site smtpd smtplib socket socketserver spwd sqlite3 ssl stat statistics string struct subprocess sunau ' +
    'symtable sys sysconfig syslog tarfile telnetlib tempfile termios test textwrap threading time timeit tkinter token ' +
    'tokenize trace traceback tracemalloc tty turtle types typing unicodedata unittest urllib urllib2 uu uuid venv warnings ' +
    'wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo'
  ).split(' '),
);

/** Functions inside the network packages that load or run something; no weight file needs them. */
const LOADERS = new Set([
  'torch.load',
  'torch.jit.load',
  'torch.hub.load',
  'torch.serialization.load',
  'torch.storage._load_from_bytes',
  'torch.utils.cpp_extension.load',
  'numpy.load',
  'numpy.fromfile',
]);

type Constructor = (args: readonly PickleValue[], type: GlobalName, budget: Budget) => PickleValue;

const record: Constructor = (args, type) => new Instance(type, args);
const list: Constructor = ([items]) => (Array.isArray(items) ? items : []);

const dict: Constructor = ([pairs], _, budget) => {
  const out: PickleDict = new Map();
  if (!Array.isArray(pairs)) return out;
  // One list may be given to any number of dicts.
  budget.entries(pairs.length);
  budget.bytes(pairs.length * BYTES_PER_ENTRY);
  for (const pair of pairs) if (Array.isArray(pair)) out.set(pair[0] ?? null, pair[1] ?? null);
  return out;
};

/** Of a Map, in memory. */
const BYTES_PER_ENTRY = 48;

/** Rule 1. */
const CONSTRUCTORS: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ['collections.OrderedDict', dict],
  ['collections.defaultdict', (_, type, budget) => dict([], type, budget)],
  ['collections.Counter', record],
  ['builtins.set', list],
  ['__builtin__.set', list],
  ['builtins.frozenset', list],
  ['__builtin__.frozenset', list],
  ['builtins.list', list],
  ['builtins.tuple', list],
  ['builtins.dict', dict],
  ['builtins.bytearray', record],
  ['builtins.slice', record],
  ['builtins.complex', record],
  ['builtins.object', record],
  ['__builtin__.object', record],
  ['builtins.int', record],
  ['builtins.float', record],
  ['_codecs.encode', record],
  ['copyreg._reconstructor', ([type]) => (type instanceof GlobalName ? new Instance(type, []) : null)],
  ['copy_reg._reconstructor', ([type]) => (type instanceof GlobalName ? new Instance(type, []) : null)],
  ['functools.partial', record],
  ['argparse.Namespace', record],
  ['datetime.datetime', record],
  ['datetime.timedelta', record],
  ['pathlib.PosixPath', record],
  ['pathlib.WindowsPath', record],
  ['pathlib.Path', record],
  ['torch.Size', list],
  ['torch._utils._rebuild_tensor', (args, type) => rebuildTensor(args, type)],
  ['torch._utils._rebuild_tensor_v2', (args, type) => rebuildTensor(args, type)],
  ['torch._utils._rebuild_tensor_v3', (args, type) => rebuildTensor(args, type, dtypeOf(args[6]))],
  ['torch._utils._rebuild_parameter', ([data]) => data ?? null],
  ['torch._utils._rebuild_parameter_with_state', ([data]) => data ?? null],
]);

/** torch's storage classes and dtypes that are ours too; others (complex, quantised) stay names. */
const STORAGE_TYPES: ReadonlyMap<string, Dtype> = new Map([
  ['DoubleStorage', 'F64'],
  ['FloatStorage', 'F32'],
  ['HalfStorage', 'F16'],
  ['BFloat16Storage', 'BF16'],
  ['LongStorage', 'I64'],
  ['IntStorage', 'I32'],
  ['ShortStorage', 'I16'],
  ['CharStorage', 'I8'],
  ['ByteStorage', 'U8'],
  ['BoolStorage', 'BOOL'],
]);
const DTYPES: ReadonlyMap<string, Dtype> = new Map([
  ['float64', 'F64'],
  ['float32', 'F32'],
  ['float16', 'F16'],
  ['bfloat16', 'BF16'],
  ['int64', 'I64'],
  ['int32', 'I32'],
  ['uint16', 'U16'],
  ['uint32', 'U32'],
  ['uint64', 'U64'],
]);

/**
 * A reference to a class or function.
 *
 * @throws ModelFormatError naming what is forbidden
 */
export function resolveGlobal(module: string, name: string): GlobalName {
  const global = new GlobalName(module, name);
  const isKnown = CONSTRUCTORS.has(global.path);
  if (LOADERS.has(global.path) || (PYTHON_LIBRARY.has(topLevel(module)) && !isKnown)) throw notAllowed(global);
  return global;
}

/** `global(*args)` as the pickle asks for it. */
export function call(global: PickleValue, args: readonly PickleValue[], budget: Budget): PickleValue {
  if (!(global instanceof GlobalName)) throw pytorchError('it calls something that is not a name');
  const construct = CONSTRUCTORS.get(global.path);
  if (construct) return construct(args, global, budget);
  if (NETWORK_PACKAGES.has(topLevel(global.module))) return new Instance(global, args);
  throw notAllowed(global);
}

/** `cls.__new__(cls, *args)`: an OrderedDict's or such, else a record. */
export function instantiate(type: PickleValue, args: readonly PickleValue[], budget: Budget): PickleValue {
  if (!(type instanceof GlobalName)) throw pytorchError('it instantiates something that is not a class');
  return CONSTRUCTORS.get(type.path)?.(args, type, budget) ?? new Instance(type, args);
}

/**
 * A persistent id: a tensor's bytes, ('storage', type, key, device, count[, view]); or, in legacy files of whole modules,
 * a class with its source text, ('module', class, file, source), which stays the name that it is.
 */
export function persistentLoad(id: PickleValue): PickleValue {
  const [kind, type, key, , count, view] = Array.isArray(id) ? id : [];
  if (kind === 'module' && type instanceof GlobalName) return type;
  if (kind !== 'storage' || !(type instanceof GlobalName) || typeof count !== 'number')
    throw pytorchError('a persistent id is not a storage');
  const [, offset, length] = Array.isArray(view) ? view : [null, 0, count];
  if (typeof key !== 'string' || typeof offset !== 'number' || typeof length !== 'number')
    throw pytorchError('a storage has no key');
  if (type.name === 'UntypedStorage') return new StorageRef(null, key, length, offset);
  const dtype = STORAGE_TYPES.get(type.name);
  return dtype ? new StorageRef(dtype, key, length, offset) : new Instance(type, []);
}

function rebuildTensor(args: readonly PickleValue[], type: GlobalName, dtype?: Dtype | null): PickleValue {
  const [storage, offset, shape, strides] = args;
  const resolved = dtype ?? (storage instanceof StorageRef ? storage.dtype : null);
  if (!(storage instanceof StorageRef) || resolved === null) return new Instance(type, args);
  if (!isSize(offset) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length)
    throw pytorchError('a tensor has a bad offset, shape or stride');
  return new TensorRef(storage, resolved, offset, shape, strides);
}

function dtypeOf(value: PickleValue | undefined): Dtype | null {
  return value instanceof GlobalName && value.module === 'torch' ? (DTYPES.get(value.name) ?? null) : null;
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= 8 && value.every(isSize);
}

function topLevel(module: string): string {
  return module.split('.', 1)[0] ?? '';
}

function notAllowed(global: GlobalName): Error {
  return pytorchError(`it names ${global.path}, which no weights need; it was not run, and the file is not trusted`);
}
