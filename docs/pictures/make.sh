#!/bin/sh
# The pictures of docs/*.md, made again: docs/pictures/make.sh [MOBILENET], from the project's folder.
# MOBILENET: an ImageNet network of yours as file.py:factory, for the pages' second half; about 15 minutes on one core.
set -e
cd "$(dirname "$0")"
ALL=pixel,fourier,pyramid,cppn,maco,prior,distill,captum-optim,yosinski-1,yosinski-2,yosinski-3,yosinski-4,vit,simonyan,l2,linf,decorrelated,laplacian
keep() { mkdir -p records; mv "$1".json* records/ 2>/dev/null || true; }

phosphene compare miniception mixed4b:11 --methods $ALL --passes 512 -q -o methods_unit.png; keep methods_unit
phosphene compare miniception logit:goldfish --methods $ALL --passes 512 -q -o methods_class.png; keep methods_class
phosphene render miniception mixed4b:11 --diverse 6 -q -o diverse.png; keep diverse
phosphene interpolate miniception mixed4b:11 mixed4b:30 --frames 8 -q -o interpolate.png --movie interpolate.gif; keep interpolate
phosphene grid miniception mixed4b:3,17,42 -q -o grid.png; keep grid
phosphene render miniception logit:goldfish --image 'cppn[drawn=256]' --preset cppn --steps 512 -q -o cppn_large.png; keep cppn_large
phosphene render miniception 'logit:goldfish - 2*opacity' --alpha -q -o alpha.png; keep alpha
phosphene render miniception logit:goldfish --preset maco --movie maco.gif -q -o maco.png; keep maco
phosphene compare miniception-plain mixed4b:11 --methods pixel,l2,fourier,pyramid,maco,prior --passes 512 -q -o enemy_plain.png; keep enemy_plain
phosphene compare miniception-plain logit:goldfish --methods pixel,l2,fourier,pyramid,maco,prior --passes 512 -q -o enemy_plain_class.png; keep enemy_plain_class
phosphene compare miniception logit:goldfish --methods pixel,l2,fourier,pyramid,maco,prior --passes 512 -q -o enemy_robust_class.png; keep enemy_robust_class
if [ -n "$1" ]; then
    phosphene compare "$1" logit:goldfish --labels imagenet --size 128 --passes 256 --methods pixel,l2,fourier,pyramid,cppn,maco,prior,yosinski-3,captum-optim,decorrelated -q -o methods_mobilenet.png
    keep methods_mobilenet
    # a "photo" of our own, to dream on
    phosphene render "$1" logit:goldfish --labels imagenet --preset maco --size 224 --steps 384 -q -o photo.png; keep photo
    phosphene render "$1" logit:goldfish --labels imagenet --preset prior --size 128 -q -o fish.png; keep fish
fi
phosphene dream miniception mixed4b photo.png --size 320 -q -o dream.png; keep dream
phosphene accentuate miniception mixed4b:11 photo.png --size 128 -q -o accentuate.png; keep accentuate
for layer in mixed3b mixed4b mixed5b; do
    phosphene invert miniception $layer fish.png -q -o invert_$layer.png; keep invert_$layer
    phosphene caricature miniception $layer fish.png -q -o caricature_$layer.png; keep caricature_$layer
done
phosphene explain miniception logit:goldfish fish.png photo.png -q -o explain.png; keep explain
phosphene explain miniception logit:goldfish fish.png --method saliency,guided --sanity -q -o explain_sanity.png; rm explain_sanity.png; keep explain_sanity
if [ -n "$1" ]; then
    phosphene explain "$1" logit:goldfish fish.png photo.png --labels imagenet --method deconv,guided --size 96 -q -o explain_mobilenet.png
    keep explain_mobilenet
fi
# the sheets of docs/examples.md, of a drawn world
python shapes.py shapes
phosphene scan miniception --data shapes --store scanned -q
phosphene examples scanned mixed4b:11 --count 6 --explain deconv --optimised -q -o examples.png; keep examples
phosphene facets scanned mixed4b:11 -q -o facets.png; keep facets
python -c "from PIL import Image
for name in ('examples.png', 'facets.png'):
    Image.open(name).save(name.replace('png', 'webp'), quality=85, method=6)"
rm -r shapes scanned examples.png facets.png
# a layer of the whole network, half an hour
phosphene sweep miniception --store swept --layers mixed5b -q
phosphene sheet swept --layer mixed5b -o sweep.png
python -c "from PIL import Image
sheet = Image.open('sweep.png').convert('RGB')
sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.LANCZOS).save('sweep.webp', quality=82, method=6)"
rm -r swept sweep.png
# the pages of the microscope, three quarters of an hour; needs Playwright and a Chromium
python shapes.py shapes
phosphene sweep miniception --store shown --layers mixed4b --units 0:48 --recipe full --data shapes -q
phosphene sweep miniception --store shown --recipe draft --units 0:96 -q
cd ../.. && python docs/pictures/pages.py docs/pictures/shown
rm -r docs/pictures/shapes docs/pictures/shown
