/* Conversion alone, for programs that read by the low-level functions. */
#include "_openslide_module.h"

#include "_convert.h"

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

PyMethodDef conversion_functions[] = {
    METHOD("argb2rgba", module_argb2rgba, METH_O),
    METHOD("conversion_kernel", module_conversion_kernel, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};
