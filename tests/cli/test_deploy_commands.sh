# lowbit pack, inspect, run, eval, verify, bench, kernels on a tiny network: what they print, that packed
# and trained figures are the same, and that bad files and arguments are refused in one line.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
export OMP_WAIT_POLICY=passive # other tests run beside this one

small=(--data synth-digits:100 --model lenet5 --width-multiplier 0.125 --batch 20 --threads 1)
"$LOWBIT" train "${small[@]}" --method dorefa --wbits 1 --abits 2 --epochs 2 --out run >/dev/null
"$LOWBIT" train "${small[@]}" --method ttq --abits 4 --first-last 8bit --epochs 1 --out ttq >/dev/null

# ---- pack and inspect
says "smaller than the" "$LOWBIT" pack run -o net.lbm
grep -q '^fc1 .* 1 .* 2 .*thresholds to 2 bits' printed || fail "pack: no line for fc1: $(cat printed)"
"$LOWBIT" pack run/last.safetensors -o last.lbm --json >pack.json
"$LOWBIT" pack run -o again.lbm >/dev/null
cmp net.lbm again.lbm || fail "packing twice gives other bytes"
cp net.lbm looks-like.safetensors
says "memory to run" "$LOWBIT" inspect looks-like.safetensors
says "B_w,eff" "$LOWBIT" inspect net.lbm --all
"$LOWBIT" inspect net.lbm --json >inspect.json
"$LOWBIT" pack ttq -o ttq.lbm >/dev/null
says "raw pixels" "$LOWBIT" inspect ttq.lbm

# ---- the same figures, to the digit
for name in run ttq; do
    net=net.lbm
    [ $name = run ] || net=ttq.lbm
    "$LOWBIT" eval $name --json >trained.json
    for isa in scalar avx2 ""; do
        LOWBIT_ISA=$isa "$LOWBIT" eval $net --json >packed.json
        cmp trained.json packed.json || fail "eval of $name: $(cat trained.json) and, packed, $(cat packed.json)"
    done
    "$LOWBIT" verify $name --images 8 --isa scalar --json >"verify-$name.json"
done
says "mismatches 0" "$LOWBIT" verify run --packed net.lbm
says "top-1" "$LOWBIT" run net.lbm --data synth-digits:100
"$LOWBIT" run net.lbm --data synth-digits:100 --threads 2 --isa scalar --json >run.json

# ---- sparse weights, in every encoding: the same figures, a smaller file, and what its codes take
"$LOWBIT" train "${small[@]}" --method ternary --option eta=0.9 --epochs 1 --out sparse >/dev/null
"$LOWBIT" eval sparse --json >trained.json
for encoding in planes rle huffman; do
    "$LOWBIT" pack sparse -o $encoding.lbm --encode $encoding --json >$encoding.json
    "$LOWBIT" eval $encoding.lbm --json >packed.json
    cmp trained.json packed.json || fail "eval of $encoding: $(cat trained.json) and, packed, $(cat packed.json)"
    says "mismatches 0" "$LOWBIT" verify sparse --packed $encoding.lbm --images 4
done
refused 2 "encode: 'zip', wanted planes, rle or huffman" "$LOWBIT" pack sparse -o zip.lbm --encode zip
python3 - <<'PYTHON'
import json, os

bytes_ = {}
for encoding in "planes", "rle", "huffman":
    *layers, total = [json.loads(line) for line in open(encoding + ".json")]
    bytes_[encoding] = total["file_bytes"]
    assert total["file_bytes"] == os.path.getsize(encoding + ".lbm") > total["code_bytes"], total
    ternary = total["ternary"]
    assert ternary["zeros"] > 0.85 * ternary["weights"] == 0.85 * total["weights"], total
    if encoding == "planes":
        plain = layers
        assert total["code_bytes"] == total["weights"] / 4, total
    else: # beside its codes a layer stores its steps, which are the same in every encoding
        steps = sum(l["stored_bytes"] for l in plain) - sum((l["weights"] + 7) // 8 * 2 for l in plain)
        assert total["code_bytes"] == sum(l["stored_bytes"] for l in layers) - steps, (total, steps)
assert bytes_["huffman"] < bytes_["planes"] and bytes_["rle"] < bytes_["planes"], bytes_
PYTHON

# ---- a checkpoint is not packed over
for path in run run/last.safetensors run/best.safetensors; do
    refused 2 "$path is a folder, or a checkpoint, which would be lost" "$LOWBIT" pack run -o $path
done

# ---- threads
for command in "eval run" "eval net.lbm" "verify run --images 2" "run net.lbm --data synth-digits:100"; do
    refused 2 "100000 threads; wanted 0" "$LOWBIT" $command --threads 100000
done

# ---- images, of the right size and of others, in grey and in colour
"$LOWBIT" data synth --out digits --count 10 --sheet sheet.png >/dev/null
says "%  " "$LOWBIT" run net.lbm sheet.png
"$LOWBIT" run net.lbm sheet.png sheet.png --json >images.json

# ---- bench and kernels
"$LOWBIT" bench net.lbm --seconds 0.02 --batch 3 --json >bench.json
"$LOWBIT" bench --layer 64x64x3x3@8x8 --bits 1,2 --seconds 0.02 --threads 2 --json >layer.json
says "Gop/s" "$LOWBIT" bench --layer 16x8x3x3@9x7 --bits t,8 --stride 2 --seconds 0.01 --isa scalar
for bits in 1,1 1,4 2,2 t,1 4,4 8,8; do
    says "Gop/s" "$LOWBIT" bench --layer 16x16x3x3@6x6 --bits $bits --seconds 0.01
done
says "scalar" "$LOWBIT" kernels
says "chosen" "$LOWBIT" kernels --layer 128x128x3x3@32x32 --bits 1,1
"$LOWBIT" kernels --layer 128x128x3x3@32x32 --bits 1,1 --json >kernels.json
says "sparse portable          scalar         chosen" "$LOWBIT" kernels --layer 4096x4096x1x1@1x1 --bits t,8 --zeros 97
says "kernel sparse portable" "$LOWBIT" bench --layer 4096x1024x1x1@1x1 --bits t,8 --zeros 99 --seconds 0.01
LOWBIT_ISA=scalar "$LOWBIT" kernels --layer 8x8x1x1@4x4 --bits 3,3 --json >scalar.json

python3 - <<'PYTHON'
import json, os

def lines(path):
    return [json.loads(line) for line in open(path)]

*layers, total = lines("pack.json")
assert total["file_bytes"] == os.path.getsize("last.lbm"), total
assert abs(total["compression"] - total["float_bytes"] / total["file_bytes"]) < 1e-5, total
codes = sum(layer["weights"] * layer["weight_bits"] / 8 for layer in layers if layer["weights"] > 0)
assert abs(codes - total["code_bytes"]) < 0.01, (codes, total)
assert total["layers_with_weights"] == 5 and total["integer_layers"] == 3, total

*layers, total = lines("inspect.json")
by_name = {layer["layer"]: layer for layer in layers}
conv2 = by_name["conv2"]
assert conv2["weight_bits"] == 1 and conv2["act_bits"] == 2 and conv2["op"] == "conv", conv2
assert conv2["post"] == "steps" and conv2["out_bits"] == 32 and conv2["kernel"] != "", conv2 # an average pool follows
assert by_name["fc1"]["post"] == "thresholds" and by_name["fc1"]["thresholds"] == 3 * by_name["fc1"]["output"][0]
for key in "weights", "macs", "thresholds":
    assert total[key] == sum(layer[key] for layer in layers), key
assert total["title"] == "lenet5, dorefa W1A2" and total["images"] == [1, 28, 28], total
assert total["data"] == "synth-digits:100" and total["classes"] == 10
assert total["memory_bytes"] == total["weight_bytes"] + total["context_bytes"] > 0
weights = [layer for layer in layers if layer["weights"] > 0]
wanted = sum(l["weights"] * l["weight_bits"] for l in weights) / sum(l["weights"] for l in weights)
assert abs(total["weight_bits"] - wanted) < 1e-5, (total, wanted)
assert abs(total["bit_operations"] - sum(l["bit_operations"] for l in layers)) < 1e-6 * total["bit_operations"]
# 3x5x5 inputs of the second convolution, 1 and 2 bits: N (2 + 1 + 2 + log2 75)
assert abs(conv2["bit_operations"] / conv2["macs"] - (5 + 6.2288187)) < 1e-5, conv2

for name in "run", "ttq":
    (result,) = lines(f"verify-{name}.json")
    assert result["images"] == 8 and result["mismatches"] == 0 and result["first"] is None, result
    assert result["compared"] > 8 * 1000, result

(result,) = lines("run.json")
assert result["images"] == 20 and result["images_per_second"] > 0 and result["seconds"] > 0

images = lines("images.json")
assert len(images) == 2 and images[0] == images[1] and images[0]["image"] == "sheet.png"
top = images[0]["top"]
assert len(top) == 5 and all(0 <= t["class"] < 10 and t["name"] == str(t["class"]) for t in top), top
shares = [t["probability"] for t in top]
assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1.00001, shares

for path, batch in ("bench.json", 3), ("layer.json", 1):
    (result,) = lines(path)
    assert 0 < result["min_ms"] <= result["median_ms"] <= result["max_ms"], result
    assert result["runs"] >= 10 and result["batch"] == batch and result["kernel"], result
    gops = result["operations"] / result["median_ms"] * 1e-6
    assert abs(result["gops"] - gops) < 1e-4 * gops, result
assert lines("layer.json")[0]["operations"] == 2 * 64 * 64 * 9 * 64
assert lines("bench.json")[0]["operations"] == 2 * 3 * total["macs"]

kernels = lines("kernels.json")
assert sum(k["chosen"] for k in kernels) == 1, kernels
for k in kernels:
    assert k["supported"] == (k["why"] == ""), k
    assert not k["chosen"] or (k["usable"] and k["supported"]), k
assert min((k for k in kernels if k["usable"] and k["supported"]), key=lambda k: k["ns_per_mac"])["chosen"]
(chosen,) = [k for k in lines("scalar.json") if k["chosen"]]
assert chosen["isa"] == "scalar", chosen
PYTHON

# ---- a changed file differs, and is still a network
python3 - <<'PYTHON'
import json, struct
data = bytearray(open("net.lbm", "rb").read())
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + length])

def write(path, bytes_):
    open(path, "wb").write(bytes_)

def flipped(tensor, byte, bit):
    changed = bytearray(data)
    changed[8 + length + header[tensor]["data_offsets"][0] + byte] ^= 1 << bit
    return changed

def with_header(**metadata):
    other = json.loads(data[8:8 + length])
    other["__metadata__"].update(metadata)
    text = json.dumps(other).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + data[8 + length:]

write("flipped.lbm", flipped("conv2.weight", 1, 3))
write("truncated.lbm", data[:-1])
write("short.lbm", data[:20])
write("long.lbm", data + b"x")
write("version.lbm", with_header(version="999"))
write("format.lbm", with_header(format="something else"))
graph = json.loads(header["__metadata__"]["graph"])
graph["classes"] = 11
write("classes.lbm", with_header(graph=json.dumps(graph)))
write("graph.lbm", with_header(graph="{"))
graph["classes"] = 10
graph["layers"][-1]["post"] = [["bias", 3e38], ["bias", 3e38]]
write("infinite.lbm", with_header(graph=json.dumps(graph)))
PYTHON
status=0
"$LOWBIT" verify run --packed flipped.lbm --json >flipped.json || status=$?
[ $status -eq 1 ] || fail "verify of a changed file: exit status $status, wanted 1"
status=0
"$LOWBIT" verify run --packed flipped.lbm >flipped.txt || status=$?
[ $status -eq 1 ] || fail "verify of a changed file: exit status $status, wanted 1"
grep -q '^first difference: image [0-9]*, layer conv2 ' flipped.txt || fail "verify: $(cat flipped.txt)"
python3 - <<'PYTHON'
import json
result = json.load(open("flipped.json"))
first = result["first"]
assert result["mismatches"] > 0 and first["layer"] == "conv2", result
assert first["training"] != first["packed"] and first["image"] < result["images"], result
PYTHON

# ---- JSON has no infinity and no NaN
"$LOWBIT" eval infinite.lbm --json >infinite.json
"$LOWBIT" run infinite.lbm --data synth-digits:100 --json >>infinite.json
"$LOWBIT" run infinite.lbm sheet.png --json >>infinite.json
python3 - <<'PYTHON'
import json
eval_, run, image = [json.loads(line) for line in open("infinite.json")]
assert eval_["loss"] is None and run["loss"] is None, (eval_, run)
assert [place["probability"] for place in image["top"]] == [None] * 5, image
PYTHON

# ---- files that are no packed network
for command in run eval inspect bench; do
    extra=()
    if [ $command = run ]; then extra=(--data synth-digits:100); fi
    refused 4 "truncated?" "$LOWBIT" $command truncated.lbm "${extra[@]}"
    refused 4 "but only 12 bytes follow; truncated?" "$LOWBIT" $command short.lbm "${extra[@]}"
    refused 4 "long.lbm: 1 bytes after the last tensor belong to none" "$LOWBIT" $command long.lbm "${extra[@]}"
    refused 4 "version '999'" "$LOWBIT" $command version.lbm "${extra[@]}"
    refused 4 "wanted the logits, 11 x 1 x 1 floats" "$LOWBIT" $command classes.lbm "${extra[@]}"
    refused 4 "graph.lbm: graph: no valid JSON" "$LOWBIT" $command graph.lbm "${extra[@]}"
    refused 4 "is 'something else', wanted 'lowbit" "$LOWBIT" $command format.lbm "${extra[@]}"
    refused 5 "nowhere.lbm" "$LOWBIT" $command nowhere.lbm "${extra[@]}"
done
refused 4 "not a packed network" "$LOWBIT" run format.lbm --data synth-digits:100
refused 2 "is a run, not a packed network" "$LOWBIT" run run --data synth-digits:100
refused 2 "is a run, not a packed network" "$LOWBIT" bench run
refused 2 "is packed already" "$LOWBIT" pack net.lbm -o x.lbm
refused 2 "is packed; give the run" "$LOWBIT" verify net.lbm
refused 2 "leave out --backend" "$LOWBIT" eval net.lbm --backend reference
refused 4 "version '999'" "$LOWBIT" verify run --packed version.lbm
refused 5 "nowhere.lbm: cannot open" "$LOWBIT" verify run --packed nowhere.lbm

# ---- data and images that do not fit
refused 3 "synth-color has images of 3x32x32, the network takes 1x28x28" "$LOWBIT" run net.lbm --data synth-color:100
refused 3 "synth-color has images of 3x32x32, the network takes 1x28x28" "$LOWBIT" eval net.lbm --data synth-color:100
refused 3 "synth-color has images of 3x32x32, the run was trained on 1x28x28" "$LOWBIT" verify run --data synth-color:100
refused 2 "did you mean 'mnist'?" "$LOWBIT" run net.lbm --data mnits
refused 4 "run/config.json: neither a PNG nor a JPEG image" "$LOWBIT" run net.lbm sheet.png run/config.json # nothing of sheet.png either
refused 5 "nowhere.png: cannot open" "$LOWBIT" run net.lbm nowhere.png
refused 2 "not both" "$LOWBIT" run net.lbm sheet.png --data synth-digits:100
refused 2 "on what?" "$LOWBIT" run net.lbm
refused 2 "which network?" "$LOWBIT" run

# ---- instruction sets
for command in run bench; do
    extra=()
    if [ $command = run ]; then extra=(--data synth-digits:100); fi
    refused 9 "instruction set 'mmx' is not known" "$LOWBIT" $command net.lbm "${extra[@]}" --isa mmx
    refused 9 "instruction set 'avx2' is not on this machine" env LOWBIT_ISA=scalar "$LOWBIT" $command net.lbm "${extra[@]}" --isa avx2
done
refused 9 "instruction set 'mmx' is not known" "$LOWBIT" verify run --isa scalar,mmx
refused 2 "isa '': wanted scalar, avx2, avx512 or neon" "$LOWBIT" verify run --isa scalar,

# ---- arguments
refused 2 "where to?" "$LOWBIT" pack run
refused 2 "wanted one RUN" "$LOWBIT" pack -o x.lbm
refused 2 "wanted one RUN" "$LOWBIT" verify
refused 2 "wanted 0 or more" "$LOWBIT" verify run --images -1
refused 2 "is not OxIxKHxKW@HxW" "$LOWBIT" bench --layer 128x128 --bits 1,1
refused 2 "is not W,A" "$LOWBIT" bench --layer 8x8x3x3@4x4 --bits 1
refused 2 "is not W,A" "$LOWBIT" kernels --layer 8x8x3x3@4x4 --bits 1,2,3
refused 2 "zeros are counted of ternary weights only" "$LOWBIT" bench --layer 8x8x3x3@4x4 --bits 2,2 --zeros 50
refused 2 "100 % of the weights zero" "$LOWBIT" kernels --layer 8x8x3x3@4x4 --bits t,2 --zeros 100
refused 2 "of how many bits?" "$LOWBIT" bench --layer 8x8x3x3@4x4
refused 2 "activations of 9 bits" "$LOWBIT" bench --layer 8x8x3x3@4x4 --bits 1,9
refused 2 "groups do not divide" "$LOWBIT" kernels --layer 8x8x3x3@4x4 --bits 1,1 --groups 3
refused 2 "a kernel of 4x4" "$LOWBIT" bench --layer 8x8x4x4@1x1 --bits 1,1
refused 2 "map height 0: wanted 1 to 4096" "$LOWBIT" bench --layer 8x8x3x3@0x4 --bits 1,1
refused 9 "sums could pass" "$LOWBIT" bench --layer 1x65536x3x3@1x1 --bits 8,8
refused 2 "give a packed FILE or --layer" "$LOWBIT" bench net.lbm --layer 8x8x3x3@4x4 --bits 1,1
refused 2 "what? give a packed FILE" "$LOWBIT" bench
refused 2 "threads 0: wanted 1 or more" "$LOWBIT" bench net.lbm --threads 0
refused 2 "belongs to a --layer" "$LOWBIT" kernels --bits 1,1
refused 2 "unexpected argument" "$LOWBIT" kernels net.lbm

# ---- a file that cannot be written, a disk that is full
refused 5 "nowhere/net.lbm.tmp: cannot create: No such file" "$LOWBIT" pack run -o nowhere/net.lbm
before=$(sha256sum net.lbm)
status=0
(ulimit -f 1 && exec "$LOWBIT" pack run -o net.lbm) >printed 2>errors || status=$?
[ $status -eq 5 ] || fail "full disk: exit status $status, wanted 5: $(cat errors)"
[ "$before" = "$(sha256sum net.lbm)" ] || fail "full disk: the old file was harmed"
for command in "pack run -o x.lbm" "inspect net.lbm" "run net.lbm --data synth-digits:100" "kernels" \
    "verify run --images 1" "bench net.lbm --seconds 0.01"; do
    status=0
    "$LOWBIT" $command >/dev/full 2>errors || status=$?
    [ $status -eq 5 ] || fail "$command: a full disk behind stdout: exit status $status"
done

# ---- a signal ends a verification, in one line
"$LOWBIT" verify run --data synth-digits:200000 --threads 1 >printed 2>errors &
process=$!
catches_sigint() # it is bit 2 of the mask
{
    [[ $(cat /proc/$process/status) =~ Name:.lowbit.*SigCgt:.[0-9a-f]*[2367abef]$'\n' ]]
}
wait_for $process catches_sigint
kill -INT $process
status=0
wait $process || status=$?
[ $status -eq 8 ] || fail "SIGINT: exit status $status, wanted 8: $(cat errors)"
[ ! -s printed ] || fail "SIGINT: printed $(cat printed)"
grep -q "verification stopped" errors || fail "SIGINT: $(cat errors)"
