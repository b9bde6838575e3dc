"""Compares an ONNX model with what `graphrun exec` computed of the same images.

    onnx_compare.py feed FEED N H W             writes images, uniform in 0..1, as safetensors
    onnx_compare.py MODEL FEED WANT MOST        runs MODEL of the images in FEED, in batches of several
                                                sizes and orders: each output must be that of WANT,
                                                but for MOST (beyond 1: of the number itself)
    onnx_compare.py pictures MODEL WANT MOST    runs MODEL of the picture files that WANT, of
                                                `graphrun extract`, names
"""
import json, struct, sys
import numpy as np, onnxruntime
TYPES = {"F32": "f4", "F64": "f8", "I32": "i4", "I64": "i8", "BOOL": "?"}
def tensors(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    head.pop("__metadata__", None)
    return {k: np.frombuffer(data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]],
                             TYPES[v["dtype"]]).reshape(v["shape"]) for k, v in head.items()}
def metadata(path):
    data = open(path, "rb").read()
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]

def bmp(path):
    d = open(path, "rb").read()
    at, w, h = struct.unpack("<I", d[10:14])[0], *struct.unpack("<ii", d[18:26])
    row = (w * 3 + 3) // 4 * 4
    rows = np.frombuffer(d, "u1", row * h, at).reshape(h, row)[::-1, :w * 3]
    return rows.reshape(h, w, 3)[:, :, ::-1]

def check(model):
    try:
        import onnx
    except ImportError:
        return
    onnx.checker.check_model(onnx.load(model), full_check=True)

def save(path, values):
    head, at, blob = {}, 0, b""
    for k, v in values.items():
        b = v.tobytes()
        head[k] = {"dtype": "F32", "shape": list(v.shape), "data_offsets": [at, at + len(b)]}
        at += len(b); blob += b
    h = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(h)) + h + blob)
if sys.argv[1] == "feed":
    shape = [int(x) for x in sys.argv[3:]]
    save(sys.argv[2], {"images": np.random.default_rng(5).random(shape, "f4")})
    sys.exit()
onnxruntime.set_default_logger_severity(3)
if sys.argv[1] == "pictures":
    model, want, most = sys.argv[2], tensors(sys.argv[3])["features"], float(sys.argv[4])
    check(model)
    s = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for i, path in enumerate(json.loads(metadata(sys.argv[3])["images"])["path"]):
        picture = bmp(path)
        got = s.run(["ynorm"], {"images": np.stack([picture, picture[::-1]])})[0][0]
        d = np.abs(got - want[i]).max()
        if not d <= most:
            print(path, picture.shape, "differs by", d)
            sys.exit(1)
    sys.exit()
model, feed, want, most = sys.argv[1], tensors(sys.argv[2])["images"], tensors(sys.argv[3]), float(sys.argv[4])
check(model)
s = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
names = [o.name for o in s.get_outputs()]
fixed = isinstance(s.get_inputs()[0].shape[0], int)
n, bad = len(feed), 0

def rows_of(value, rows):
    """Of a value with one row for each image, or several."""
    each = value.reshape((n, len(value) // n) + value.shape[1:])[rows]
    return each.reshape((-1,) + value.shape[1:])

choices = [slice(0, n), slice(0, 1), list(range(n)) * 2] + [slice(1, n)] * (n > 1)
for rows in choices[:1] if fixed else choices:
    for name, got in zip(names, s.run(names, {"images": feed[rows]})):
        w = want[name] if fixed else rows_of(want[name], rows)
        if got.shape != w.shape:
            print(name, "has the shape", got.shape, "and not", w.shape)
            bad = 1
        elif w.dtype.kind != "f":
            if not np.array_equal(got, w):
                print(name, "differs")
                bad = 1
        elif not np.max(np.abs(got - w) / np.maximum(1, np.abs(w))) <= most:
            print(name, "differs by", np.max(np.abs(got - w)))
            bad = 1
sys.exit(bad)
