# lowbit methods, models and inspect: tables, JSON, refusals.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"

says "Trained Ternary Quantization" "$LOWBIT" methods
says "arXiv:1606.06160" "$LOWBIT" methods dorefa
says "step0=0 (0 to 1)" "$LOWBIT" methods dorefa
says "in ResNets float" "$LOWBIT" methods bc
says "activation quantizer sign" "$LOWBIT" methods sign
says "12973440" "$LOWBIT" models
says "--shortcut a|b|none" "$LOWBIT" models resnet56
says "12973440 weights, 2826 biases" "$LOWBIT" inspect --model vgg7 --method twn
says "271690: 270896 weights, 794 biases" "$LOWBIT" inspect --model resnet20 --shortcut b --bias yes
says "conv2.quantize" "$LOWBIT" inspect --model lenet5 --method qnn --abits 3 --all

says "fc2   250x500x1x1                1        1        1        2       63      250" "$LOWBIT" cost syq --model lenet5

"$LOWBIT" cost syq --model mlp --widths 16,16 --images 3x8x8 --classes 7 --json >cost.json
says "milestones=20,40,60,80" "$LOWBIT" recipes redbit-mnist
refused 2 "unknown recipe 'redbit'" "$LOWBIT" recipes redbit
"$LOWBIT" recipes --json >recipes.json
"$LOWBIT" methods --json >methods.json
"$LOWBIT" models --json >models.json
"$LOWBIT" models mlp --json >mlp.json
"$LOWBIT" inspect --model lenet5 --method dorefa --abits 2 --json >inspect.json
"$LOWBIT" inspect --model mlp --widths 16,16 --images 3x8x8 --classes 7 --json >small.json
python3 - <<'END'
import json

def lines(path):
    return [json.loads(line) for line in open(path)]

methods = lines("methods.json")
recipes = {r["name"]: r["settings"] for r in lines("recipes.json")}
assert recipes["redbit-mnist"]["augment"] == "rotate=10,crop=4" and recipes["redbit-mnist"]["lr"] == "0.001", recipes
names = {m["name"] for m in methods if m["kind"] == "method"}
assert names >= {"float", "bc", "bc-stochastic", "bc-scaled", "qnn", "xnor", "bwn", "dorefa", "dorefa-w",
                 "twn", "ttq", "bnn"}, names
dorefa = next(m for m in methods if m["kind"] == "method" and m["name"] == "dorefa")
assert dorefa["w_bits"] == [1, 2, 3, 4, 5, 6, 7, 8, 32], dorefa
scaled = next(m for m in methods if m["kind"] == "weights" and m["name"] == "bc-scaled")
assert [o["name"] for o in scaled["options"]] == ["c"], scaled
models = {m["name"]: m for m in lines("models.json")}
assert models["lenet5"]["weights"] == 553000 and models["lenet5"]["channels"] == 1
assert lines("mlp.json")[0]["widths"] is True
*layers, total = lines("cost.json")
assert [l["kernel"] for l in layers] == [[1, 1]] * 3, layers
assert layers[0]["cost"]["sign"] == {"scalars": 2, "operations": 2 * 16 * 192}, layers[0]
assert layers[2]["cost"]["grouping"]["scalars"] == 2 and layers[2]["additions"] == 15, layers[2]
assert total["cost"]["filter"]["scalars"] == 16 + 16 + 7, total

*layers, total = lines("inspect.json")
assert total["parameters"] == 553000 and total["macs"] == 2415500, total
assert abs(sum(layer["stored_bytes"] for layer in layers) - total["stored_bytes"]) < 0.01
conv2 = next(layer for layer in layers if layer["layer"] == "conv2")
assert conv2["weight_bits"] == 1 and conv2["act_bits"] == 2 and conv2["output"] == [50, 8, 8], conv2
*layers, total = lines("small.json")
assert total["weights"] == 16 * 192 + 16 * 16 + 7 * 16 and total["biases"] == 7, total
END

# a trained run
"$LOWBIT" train --data synth-digits:100 --model lenet5 --width-multiplier 0.125 --batch 20 --threads 1 \
    --method ttq --epochs 1 --out run >/dev/null
says "learned scales 6" "$LOWBIT" inspect run
says '"weight_quantizer":"ttq"' "$LOWBIT" inspect run --json

refused 2 "which cost? there is sparse" "$LOWBIT" cost
refused 2 "unknown cost 'sqy'; there is sparse" "$LOWBIT" cost sqy --model lenet5
refused 2 "which network? give --model NAME" "$LOWBIT" cost syq
refused 2 "unexpected argument 'lenet5'" "$LOWBIT" cost syq lenet5
refused 2 "--classes 0: wanted 1 to 65535" "$LOWBIT" cost syq --model vgg7 --classes 0
refused 2 "did you mean 'dorefa'?" "$LOWBIT" methods dorfa
refused 2 "one NAME at most" "$LOWBIT" methods a b
refused 2 "did you mean 'resnet20'?" "$LOWBIT" models resnet2O
refused 2 "one NAME at most" "$LOWBIT" models a b
refused 2 "which network?" "$LOWBIT" inspect
refused 2 "one RUN at most" "$LOWBIT" inspect run run
refused 2 "leave out the others" "$LOWBIT" inspect run --model lenet5
refused 2 "method 'ttq' is ternary: its weights take 2 bits, not 3" \
    "$LOWBIT" inspect --model lenet5 --method ttq --wbits 3
refused 2 "is no ResNet" "$LOWBIT" inspect --model vgg7 --shortcut b
refused 3 "takes images of 3x32x32" "$LOWBIT" inspect --model vgg7 --images 1x28x28
refused 2 "is not CHANNELSxHEIGHTxWIDTH" "$LOWBIT" inspect --model vgg7 --images 28x28
refused 2 "--classes 0: wanted 1 to 65535" "$LOWBIT" inspect --model vgg7 --classes 0
refused 5 "nowhere: there is no such run or file" "$LOWBIT" inspect nowhere
