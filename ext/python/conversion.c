/* Conversion alone, for programs that read by the low-level functions. */
#include "_openslide_module.h"

#include "_convert.h"

#include <stdlib.h>

PyDoc_STRVAR(module_argb2rgba_doc,
             "argb2rgba($module, buffer, /)\n--\n\n"
             "Convert premultiplied ARGB words to straight RGBA bytes in "
             "place.\n\n"
             "buffer: writable, C-contiguous, items of 4 bytes, of any rank. "
             "A word with\nalpha 0 stays as it is.");

static PyObject *
module_argb2rgba(PyObject *Py_UNUSED(module), PyObject *buffer)
{
    Py_buffer view;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_C_CONTIGUOUS) < 0) {
        return NULL;
    }
    const char *refusal = view.readonly ? "Argument is not writable"
                          : view.itemsize != 4
                              ? "Argument has invalid item size: not 4 bytes"
                          : (uintptr_t)view.buf % sizeof(uint32_t) != 0
                              ? "Argument is not aligned to 4 bytes"
                              : NULL;
    if (refusal == NULL) {
        Py_BEGIN_ALLOW_THREADS
        convert_argb_to_rgba(view.buf, view.buf, (size_t)view.len / 4);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, refusal);
    }
    PyBuffer_Release(&view);
    return refusal == NULL ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(module_conversion_kernel_doc,
             "conversion_kernel($module, /)\n--\n\n"
             "The name of the instruction set that converts pixels here.");

static PyObject *
module_conversion_kernel(PyObject *Py_UNUSED(module),
                         PyObject *Py_UNUSED(unused))
{
    return PyUnicode_FromString(
        instruction_set_name(instruction_set_in_use()));
}

PyDoc_STRVAR(module_instruction_sets_doc,
             "instruction_sets($module, /)\n--\n\n"
             "The names of the instruction sets that there are kernels for "
             "and that this\nmachine has, best first.");

static PyObject *
module_instruction_sets(PyObject *Py_UNUSED(module),
                        PyObject *Py_UNUSED(unused))
{
    PyObject *names = PyList_New(0);
    for (enum instruction_set set = 0;
         names != NULL && set < INSTRUCTION_SET_COUNT; set++) {
        if (instruction_set_missing(set) == NULL) {
            PyObject *name = PyUnicode_FromString(instruction_set_name(set));
            if (name == NULL || PyList_Append(names, name) < 0) {
                Py_CLEAR(names);
            }
            Py_XDECREF(name);
        }
    }
    PyObject *tuple = names == NULL ? NULL : PyList_AsTuple(names);
    Py_XDECREF(names);
    return tuple;
}

bool
choose_instruction_sets(void)
{
    const char *names = getenv("OPENSLIDE_INSTRUCTION_SETS");
    if (names == NULL || instruction_sets_choose(names)) {
        return true;
    }
    PyErr_Format(PyExc_ValueError,
                 "OPENSLIDE_INSTRUCTION_SETS must be names of instruction "
                 "sets such as \"%s\", separated by commas, or not set, not "
                 "'%s'",
                 instruction_set_name(instruction_set_in_use()), names);
    return false;
}

PyMethodDef conversion_functions[] = {
    METHOD("argb2rgba", module_argb2rgba, METH_O),
    METHOD("conversion_kernel", module_conversion_kernel, METH_NOARGS),
    METHOD("instruction_sets", module_instruction_sets, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};
