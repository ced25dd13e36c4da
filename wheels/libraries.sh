#!/bin/sh
# Build the libraries that wheels bundle, recent ones, as static position-independent
# code, and their licences to PREFIX/share/licenses: libraries.sh PREFIX.  Needs cmake, a
# C compiler, curl and, for x86-64, nasm; without nasm libjpeg-turbo would be built without
# SIMD, so that is an error.
set -eu

prefix=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() { # URL SHA256: unpack into the folder `work`
    curl --fail --location --silent --show-error --retry 3 -o "$work/source.tar.gz" "$1"
    if command -v sha256sum > /dev/null; then
        echo "$2  $work/source.tar.gz" | sha256sum --check --quiet
    else
        echo "$2  $work/source.tar.gz" | shasum -a 256 --check --quiet
    fi
    tar -xzf "$work/source.tar.gz" -C "$work"
}

build() { # FOLDER OPTIONS...
    folder=$work/$1
    shift
    cmake -S "$folder" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON "$@"
    cmake --build "$folder/build" --parallel
    cmake --install "$folder/build"
}

license() { # LIBRARY FOLDER FILES...: keep them for notices.py
    licenses=$prefix/share/licenses/$1
    folder=$work/$2
    shift 2
    mkdir -p "$licenses"
    for file in "$@"; do
        cp "$folder/$file" "$licenses"
    done
}

fetch https://github.com/libjpeg-turbo/libjpeg-turbo/releases/download/3.1.4.1/libjpeg-turbo-3.1.4.1.tar.gz \
    ecae8008e2cc9ade2f2c1bb9d5e6d4fb73e7c433866a056bd82980741571a022
build libjpeg-turbo-3.1.4.1 -DENABLE_SHARED=OFF -DWITH_TURBOJPEG=OFF -DREQUIRE_SIMD=ON
license libjpeg-turbo libjpeg-turbo-3.1.4.1 LICENSE.md README.ijg

fetch https://github.com/ebiggers/libdeflate/archive/refs/tags/v1.23.tar.gz \
    1ab18349b9fb0ce8a0ca4116bded725be7dcbfa709e19f6f983d99df1fb8b25f
build libdeflate-1.23 -DLIBDEFLATE_BUILD_SHARED_LIB=OFF -DLIBDEFLATE_BUILD_GZIP=OFF
license libdeflate libdeflate-1.23 COPYING
